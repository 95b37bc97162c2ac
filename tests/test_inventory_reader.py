"""A wrong manifest is one line: file, line, field, expectation."""

from pathlib import Path

import pytest

from opskit.errors import UsageError
from opskit.exits import Exit
from opskit.inventory.reader import WorkerFile, read_all, read_one
from opskit.inventory.yamlfile import ManifestError
from opskit.settings import ENVIRONMENTS

STREAM = """\
name: scoreUsers
stack: scoring
owner: scoring team
escalation:
  L1: on-call
  L2: senior engineers
  L3: management
trigger:
  type: kinesis
  stream: app-{env}-events
  batch_size: 100
timeout_s: 60
environments:
  qa:
    trigger:
      batch_size: 10
"""
TYPES = "one of kinesis, dynamodb-stream, sqs, rest-api, http-api, schedule"
QUEUE = """\
name: handleEvent
stack: events
owner: events team
escalation: {L1: on-call, L2: senior engineers, L3: management}
trigger:
  type: sqs
  queue: app-{env}-updates
  visibility_timeout_s: 180
timeout_s: 30
"""


def read(tmp_path: Path, text: str) -> WorkerFile:
    path = tmp_path / "score_users" / "worker.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return read_one(path, "workers/score_users/worker.yaml", ENVIRONMENTS)


def mistake(tmp_path: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    assert caught.value.exit is Exit.USAGE
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix("workers/score_users/worker.yaml:")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "batch_size: 100",
            "batch_size: many",
            '11: trigger.batch_size: expected an integer from 1 to 10000, got "many"',
        ),
        (
            "batch_size: 100",
            "batch_size: 0",
            "11: trigger.batch_size: expected an integer from 1 to 10000, got 0",
        ),
        (
            "batch_size: 100",
            "batch_size: true",
            "11: trigger.batch_size: expected an integer from 1 to 10000, got true",
        ),
        (
            "batch_size: 100",
            "batch_size:",
            "11: trigger.batch_size: expected an integer from 1 to 10000, got nothing",
        ),
        (
            "batch_size: 100",
            "batchsize: 100",
            "11: trigger.batchsize: unknown field, did you mean batch_size?",
        ),
        ("batch_size: 100", "bisect: 1", "11: trigger.bisect: expected true or false, got 1"),
        ("batch_size: 100", "queue: x", "11: trigger.queue: unknown field, not one of docs/manifest.md"),
        (
            "batch_size: 100",
            "max_record_age_s: 30",
            "11: trigger.max_record_age_s: expected -1 (no limit) or an integer from 60 to 604800, got 30",
        ),
        (
            "batch_size: 100",
            "starting_position: FIRST",
            '11: trigger.starting_position: expected one of TRIM_HORIZON, LATEST, AT_TIMESTAMP, got "FIRST"',
        ),
        (
            "timeout_s: 60",
            "timeout_s: 60\nlog_retention_days: 10",
            (
                "13: log_retention_days: expected one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, "
                "400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653, got 10"
            ),
        ),
        ("timeout_s: 60", "timeout_s: 60\ntags: {team: 7}", "13: tags.team: expected a string, got 7"),
        ("batch_size: 100", "filters: none", '11: trigger.filters: expected a list of strings, got "none"'),
        ("batch_size: 100", "filters: [1]", "11: trigger.filters.0: expected a string, got 1"),
        (
            "stream: app-{env}-events",
            "stream: app-{stage}-events",
            '10: trigger.stream: expected nothing but env, region in braces, got "app-{stage}-events"',
        ),
        ("  stream: app-{env}-events\n", "", "8: trigger.stream: missing, expected a string"),
        (
            "type: kinesis",
            "type: kafka",
            f'9: trigger.type: expected {TYPES}, got "kafka"',
        ),
        (
            "  type: kinesis\n",
            "",
            f"8: trigger.type: missing, expected {TYPES}",
        ),
        ("timeout_s: 60\n", "", "1: timeout_s: missing, expected an integer from 1 to 5400"),
        ("timeout_s: 60", "timeout_s: 60.5", "12: timeout_s: expected an integer from 1 to 5400, got 60.5"),
        (
            "timeout_s: 60",
            "timeout: 60",
            "12: timeout: unknown field, did you mean timeout_s? (and 1 more mistake)",
        ),
        (
            "name: scoreUsers",
            "name: score users",
            '1: name: expected letters, digits, - and _, a letter first, got "score users"',
        ),
        ("  L3: management\n", "", "4: escalation.L3: missing, expected a string"),
        (
            "escalation:\n",
            "escalation: nobody\nx:\n",
            '4: escalation: expected a mapping, got "nobody" (and 1 more mistake)',
        ),
        (
            "timeout_s: 60",
            "timeout_s: 60\nregions: [Oregon]",
            '13: regions.0: expected a region such as us-east-1, got "Oregon"',
        ),
        (
            "timeout_s: 60",
            "timeout_s: 60\nregions: us-east-1",
            '13: regions: expected a list of regions, got "us-east-1"',
        ),
        (
            "timeout_s: 60",
            "timeout_s: 60\nfailover: us-east-1",
            '13: failover: expected a region that is not in regions, got "us-east-1"',
        ),
        (
            "timeout_s: 60",
            "timeout_s: 60\nthresholds:\n  iteratorage: {warn: 1}",
            "14: thresholds.iteratorage: unknown indicator, did you mean iterator_age?",
        ),
        (
            "timeout_s: 60",
            "timeout_s: 60\nthresholds:\n  iterator_age: {warn: soon}",
            '14: thresholds.iterator_age.warn: expected a number, 0 or more, got "soon"',
        ),
        (
            "timeout_s: 60",
            "timeout_s: 60\nthresholds:\n  iterator_age: {warn: 300}",
            "14: thresholds.iterator_age: expected warn at or below crit, got 300 and 120",
        ),
        (
            "  qa:",
            "  staging:",
            '14: environments.staging: unknown environment "staging", known: local-dev, qa, prod',
        ),
        (
            "      batch_size: 10",
            "      batch_size: lots",
            '16: environments.qa.trigger.batch_size: expected an integer from 1 to 10000, got "lots"',
        ),
        (
            "      batch_size: 10",
            "      type: sqs",
            "16: environments.qa.trigger.type: cannot differ per environment",
        ),
        (
            "    trigger:\n      batch_size: 10",
            "    name: other",
            "15: environments.qa.name: cannot differ per environment",
        ),
        (
            "    trigger:\n      batch_size: 10",
            "    size: 1",
            "15: environments.qa.size: unknown field, not one of docs/manifest.md",
        ),
        ("    trigger:\n      batch_size: 10", "    10", "14: environments.qa: expected a mapping, got 10"),
        ("timeout_s: 60", "timeout_s: 60\ntimeout_s: 61", "13: timeout_s: given twice"),
        ("timeout_s: 60", "timeout_s: [60", "13: not YAML: expected ',' or ']', but got ':'"),
        ("timeout_s: 60", "timeout_s: 60\nregions: []", "13: regions: expected at least one, got none"),
        (
            "timeout_s: 60",
            "timeout_s: 60\n\tregions: x",
            "13: not YAML: found character '\\t' that cannot start any token",
        ),
    ],
)
def test_one_mistake_is_one_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert old in STREAM
    assert mistake(tmp_path, STREAM.replace(old, new)) == line


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "timeout_s: 180",
            "timeout_s: 29",
            "8: trigger.visibility_timeout_s: expected at least the timeout of 30 s, got 29",
        ),
        (
            "queue: app-{env}-updates",
            "queue: a.fifo",
            '7: trigger.queue: expected fifo: true for a name that ends in .fifo, got "a.fifo"',
        ),
        (
            "queue: app-{env}-updates",
            "queue: a\n  fifo: true",
            '7: trigger.queue: expected a name that ends in .fifo, got "a"',
        ),
        (
            "queue: app-{env}-updates",
            "queue: a.fifo\n  fifo: true\n  batch_size: 11",
            "9: trigger.batch_size: expected at most 10 for a FIFO queue, got 11",
        ),
        (
            "queue: app-{env}-updates",
            "queue: a\n  batch_size: 11",
            "5: trigger.batch_window_s: expected at least 1 for a batch_size above 10, got 0",
        ),
        (
            "timeout_s: 30",
            "timeout_s: 30\nenvironments: {qa: {timeout_s: 200}}",
            (
                "10: environments.qa.trigger.visibility_timeout_s: "
                "expected at least the timeout of 200 s, got 180"
            ),
        ),
    ],
)
def test_settings_that_aws_refuses_together_are_refused(
    tmp_path: Path, old: str, new: str, line: str
) -> None:
    assert old in QUEUE
    assert mistake(tmp_path, QUEUE.replace(old, new)) == line


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "1: expected a mapping of fields, such as name: scoreUsers"),
        (b"- name: x\n", "1: expected a mapping of fields, such as name: scoreUsers"),
        (b"a: " + b"[" * 1000, "1: nested too deep to be read"),
        (b"name: \xff\n", "1: expected UTF-8 text: invalid start byte at byte 6"),
    ],
)
def test_what_is_no_mapping_of_text_is_refused(tmp_path: Path, content: bytes, line: str) -> None:
    path = tmp_path / "worker.yaml"
    path.write_bytes(content)
    with pytest.raises(ManifestError) as caught:
        read_one(path, "worker.yaml", ENVIRONMENTS)
    assert str(caught.value) == f"worker.yaml:{line}"


def test_every_mistake_is_listed_once_with_its_line(tmp_path: Path) -> None:
    text = STREAM.replace("batch_size: 100", "batch_size: 0").replace("timeout_s: 60", "timeout_s: 0")
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, text)
    assert [problem.line for problem in caught.value.problems] == [11, 12]
    assert str(caught.value).endswith("got 0 (and 1 more mistake)")


def test_a_mistake_of_the_base_is_not_told_again_for_every_environment(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, STREAM + "failover: us-east-1\n")
    assert len(caught.value.problems) == 1


def test_an_environment_differs_only_where_it_says_so(tmp_path: Path) -> None:
    by_env = read(tmp_path, STREAM).by_env
    assert {env: manifest.trigger.batch_size for env, manifest in by_env.items()} == {
        "local-dev": 100,
        "qa": 10,
        "prod": 100,
    }
    assert by_env["qa"].trigger.stream == "app-{env}-events"


def test_null_in_an_environment_takes_a_setting_away(tmp_path: Path) -> None:
    text = QUEUE + "reserved_concurrency: 5\nenvironments: {qa: {reserved_concurrency: null}}\n"
    by_env = read(tmp_path, text).by_env
    assert (by_env["prod"].reserved_concurrency, by_env["qa"].reserved_concurrency) == (5, None)


def test_two_workers_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder, name in (("a", "scoreUsers"), ("b", "ScoreUsers")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "worker.yaml").write_text(STREAM.replace("scoreUsers", name))
    with pytest.raises(ManifestError) as caught:
        read_all(tmp_path, "workers", ENVIRONMENTS)
    assert (
        str(caught.value)
        == "workers/b/worker.yaml:1: name: ScoreUsers is already the name in workers/a/worker.yaml:1"
    )


def test_folders_without_a_manifest_are_no_workers(tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    assert read_all(tmp_path, "workers", ENVIRONMENTS) == ()


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^fleet: no such folder of workers$"):
        read_all(tmp_path / "fleet", "fleet", ENVIRONMENTS)


API = QUEUE.replace("type: sqs", "type: http-api\n  api: fans\n  path: /v1\n  method: GET").replace(
    "  queue: app-{env}-updates\n  visibility_timeout_s: 180\n", "  url: URL\n"
)


@pytest.mark.parametrize("url", ["https://api.example.com", "https://api-{env}.example.com/v1"])
def test_an_apis_own_url_is_taken(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, API.replace("URL", url)).by_env["prod"].trigger.model_dump()["url"] == url


@pytest.mark.parametrize("url", ["api.example.com", "ftp://api.example.com", "https://x/?a=1", "https:///v1"])
def test_what_is_no_url_is_one_line(tmp_path: Path, url: str) -> None:
    line = f'10: trigger.url: expected a URL such as https://api.example.com/v1, got "{url}"'
    assert mistake(tmp_path, API.replace("URL", url)) == line
