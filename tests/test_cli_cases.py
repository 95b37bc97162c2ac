"""`opskit cases`: a past incident becomes a test, and is judged again."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from stream_cases import find
from test_cli_replay import without
from test_record_codec import snapshot_of

from opskit.cli import main
from opskit.errors import UsageError
from opskit.model import Describe, Reading, Status
from opskit.record import cases, to_text
from runbooks import ALL

POISON = "poison-record-shard"


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tests" / "cases").mkdir(parents=True)


def saved(name: str) -> str:
    """The name of a file with a recorded case's snapshot."""
    Path(f"{name}.json").write_text(to_text(snapshot_of(find(name))))
    return f"{name}.json"


def test_a_snapshot_becomes_a_case_that_is_checked(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["cases", "add", saved("poison-present"), "--cause", POISON]) == 0
    place = Path(f"tests/cases/stream-lag/{POISON}-2026-11-24.json")
    assert capfd.readouterr() == ("", f"opskit: {place}: must be found in it: {POISON}\n")
    assert json.loads(place.read_text())["expect"] == {"cause": POISON, "pending": False}
    assert stat.S_IMODE(place.stat().st_mode) == 0o644

    assert main(["cases", "add", saved("healthy"), "--cause", "none", "--name", "a-quiet-night"]) == 0
    capfd.readouterr()
    assert main(["cases", "check"]) == 0
    out, err = capfd.readouterr()
    assert ([line.split() for line in out.splitlines()], err) == (
        [
            ["case", "expected", "found", "right"],
            ["stream-lag/a-quiet-night", "none", "none", "yes"],
            [f"stream-lag/{POISON}-2026-11-24", POISON, POISON, "yes"],
        ],
        "",
    )


def test_a_case_can_be_replayed_too() -> None:
    assert main(["cases", "add", saved("poison-present"), "--cause", POISON, "--name", "a"]) == 0
    assert main(["diagnose", "--replay", "tests/cases/stream-lag/a.json"]) == 1


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--cause", "poison-record"], '--cause: stream-lag names no "poison-record"; did you'),
        (["--cause", "xyz"], '--cause: stream-lag names no "xyz"; known: esm-disabled, '),
        (["--cause", "esm-disabled"], f"s.json: what is found is {POISON}, not esm-disabled; --pending"),
        (["--cause", "none"], f"s.json: what is found is {POISON}, not none; --pending keeps it"),
        (["--cause", POISON, "--pending"], f"s.json: {POISON} is named already; leave out --pending"),
        (["--cause", "No Cause", "--pending"], '--cause: stream-lag names no "No Cause"; '),
        (["--cause", POISON, "--name", "../up"], "--name: expected small letters, digits"),
        (["--cause", POISON, "--into", "none"], "none: no such folder"),
        (["--cause", POISON, "--name", "taken"], "tests/cases/stream-lag/taken.json: is there already"),
    ],
)  # fmt: skip
def test_what_is_no_case_is_refused(
    arguments: list[str], line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("s.json").write_text(to_text(snapshot_of(find("poison-present"))))
    taken = Path("tests/cases/stream-lag/taken.json")
    taken.parent.mkdir()
    taken.write_text("theirs")
    assert main(["cases", "add", "s.json", *arguments]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(f"opskit: {line}")
    assert [path.name for path in taken.parent.iterdir()] == ["taken.json"]
    assert taken.read_text() == "theirs"


def test_without_a_folder_of_cases_it_says_what_to_pass(capfd: pytest.CaptureFixture[str]) -> None:
    Path("tests/cases").rmdir()
    hint = "say where the cases are: opskit cases add --into DIR, check DIR"
    said = f"opskit: no folder tests/cases here; {hint}\n"
    assert main(["cases", "add", saved("poison-present"), "--cause", POISON]) == 2
    assert main(["cases", "check"]) == 2
    assert capfd.readouterr() == ("", said * 2)
    Path("mine").mkdir()
    assert main(["cases", "add", saved("poison-present"), "--cause", POISON, "--into", "mine"]) == 0
    assert main(["cases", "check", "mine"]) == 0


def test_no_case_at_all_is_not_all_right(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["cases", "check"]) == 2
    assert capfd.readouterr()[1].startswith("opskit: tests/cases: no case in it; opskit cases add")


def test_a_pending_cause_is_kept_and_told_of_once_it_is_named(capfd: pytest.CaptureFixture[str]) -> None:
    path = saved("poison-lookalike-hot-shard")
    assert main(["cases", "add", path, "--cause", "hot-shard-to-come", "--pending", "--name", "hot"]) == 0
    assert main(["cases", "check"]) == 0
    assert capfd.readouterr()[0].split()[-1] == "pending"
    place = Path("tests/cases/stream-lag/hot.json")
    found = cases.judge(cases.read(place), ALL["stream-lag"]).found
    document = json.loads(place.read_text())
    place.write_text(json.dumps({**document, "expect": {"cause": found, "pending": True}}))
    assert main(["cases", "check"]) == 0
    out, err = capfd.readouterr()
    assert (out.split()[-1], err) == ("yes", "opskit: hot is named now: it is pending no more\n")


def test_a_case_that_is_found_to_be_something_else_is_wrong(capfd: pytest.CaptureFixture[str]) -> None:
    wrong = cases.Case("wrong", snapshot_of(find("poison-present")), "esm-disabled")
    Path("tests/cases/wrong.json").write_text(wrong.text)
    assert main(["cases", "check", "-o", "json"]) == 1
    assert json.loads(capfd.readouterr()[0]) == [
        {"case": "stream-lag/wrong", "expected": "esm-disabled", "found": POISON, "right": "no"}
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("{", "not a snapshot, or cut off: "),
        (to_text(snapshot_of(find("healthy"))), 'a snapshot without "expect" is no case; '),
        (to_text(snapshot_of(find("healthy")), expect={"pending": 1}), "expect.cause: Field required"),
        (to_text(snapshot_of(find("healthy")), expect={"cause": "none", "x": 1}), "expect.x: Extra inputs"),
    ],
    ids=["cut", "snapshot", "no cause", "more"],
)
def test_a_file_that_is_no_case_is_one_line(text: str, line: str, capfd: pytest.CaptureFixture[str]) -> None:
    Path("tests/cases/a.json").write_text(text)
    assert main(["cases", "check"]) == 2
    assert capfd.readouterr()[1].startswith(f"opskit: tests/cases/a.json: {line}")


def test_a_healthy_night_stays_right_when_rules_ask_more() -> None:
    Path("old.json").write_text(without("healthy", "throttles", "stream"))
    assert main(["cases", "add", "old.json", "--cause", "none"]) == 0
    assert main(["cases", "check"]) == 0


def test_a_night_that_could_not_be_looked_at_is_not_healthy(capfd: pytest.CaptureFixture[str]) -> None:
    denied = find("healthy").with_answers({"stream": Reading(Status.FAILED, "denied", "AccessDenied")})
    Path("s.json").write_text(to_text(snapshot_of(replace(find("healthy"), readings=denied))))
    assert main(["cases", "add", "s.json", "--cause", "none"]) == 2
    assert capfd.readouterr()[1].startswith("opskit: s.json: what is found is unknown, not none; ")


def test_a_case_has_no_address_of_whoever_looked() -> None:
    arn = "arn:aws:sts::123456789012:assumed-role/OnCall/jo@example.com"
    identity = Describe("sts", "GetCallerIdentity")
    said = find("poison-present").with_answers(
        {"identity": Reading(Status.OK, document={"account": "123456789012", "arn": arn, "all": [arn]})}
    )
    assert identity in said.answers
    Path("s.json").write_text(to_text(snapshot_of(replace(find("poison-present"), readings=said))))
    assert "jo@example.com" in Path("s.json").read_text()
    assert main(["cases", "add", "s.json", "--cause", POISON, "--name", "a"]) == 0
    text = Path("tests/cases/stream-lag/a.json").read_text()
    assert "jo@" not in text
    assert "arn:aws:sts::123456789012:assumed-role/OnCall/***" in text


def test_a_name_is_made_of_cause_and_day() -> None:
    assert cases.default_name(snapshot_of(find("healthy")), "none") == "none-2026-11-24"


def test_reading_a_file_that_is_not_there_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no such file"):
        cases.read(Path("nowhere.json"))
