"""`opskit dlq list` against the embedded AWS: what is found, what feeds it, what could not be read."""

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import EmbeddedAws
from dlq_asking import PREFIX, Ask, ask
from faults import FaultProxy, denied, expired

from opskit.redrive import runs
from opskit.redrive.ledger import Ledger
from opskit.sandbox import stage
from opskit.sandbox.incidents import find

__all__ = ["ask"]
ACCOUNT = "123456789012"


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws) -> EmbeddedAws:
    """A sandbox in which one worker's queue has dead letters."""
    stage.play(shared_aws.planes, find("queue-poison"), seed=7, span_s=3600)
    return shared_aws


def test_the_manifests_queues_come_with_what_feeds_them(played: EmbeddedAws, ask: Ask) -> None:
    outcome = ask("list", "--output", "json")
    queues = outcome.queues
    assert outcome.code == 1
    assert list(queues) == ["fan-updates-dlq", "fan-events-failed", "fan-scores-failed"]
    dead = queues["fan-updates-dlq"]
    assert dead["fed_by"] == [{"kind": "queue", "name": f"{PREFIX}fan-updates", "function": None}]
    assert queues["fan-events-failed"]["fed_by"] == [
        {"kind": "stream", "name": f"{PREFIX}fan-events", "function": f"{PREFIX}scoreUsers"}
    ]
    assert (dead["state"], dead["workers"], dead["move_task"]) == ("found", ["handleEvent"], None)
    assert dead["visible"] > 100
    assert dead["expires_bound"] == "at the latest"
    assert 0 < dead["oldest_age_s"] < 3700
    document = outcome.document
    assert (document["verdict"], document["severity"], document["gaps"]) == ("breach", "high", [])
    assert [one["cause"] for one in document["findings"]] == ["dead-letters"]


def test_a_redrive_that_was_cut_off_is_said_to_hide_letters(
    played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path))
    names = ("fan-updates-dlq", "fan-scores-failed")
    arns = [f"arn:aws:sqs:us-east-1:{ACCOUNT}:{PREFIX}{name}" for name in names]
    Ledger.create(runs.path_of(tmp_path, "1cut"), {"queue": arns[0]}).close()
    Ledger.create(runs.path_of(tmp_path, "1done"), {"queue": arns[1], "ended": 5}).close()
    given_up = {"queue": arns[1], "ended": False, "closed": True}
    Ledger.create(runs.path_of(tmp_path, "1given"), given_up).close()
    said = ask("list").out
    assert (
        "fan-updates-dlq: run 1cut of redrive-dlq has not ended: it may hide letters and send them. If it "
        "was cut off, go on with it: opskit redrive-dlq --resume 1cut --apply\n"
    ) in said
    assert "1done" not in said
    assert "1given" not in said
    runs.path_of(tmp_path, "1torn").write_bytes(b"no database, though long enough for one")
    outcome = ask("list", "--output", "json")
    queues = outcome.queues
    assert [queues[name]["open_run"] for name in names] == ["1cut", None]
    assert [one["signal"] for one in outcome.document["gaps"]] == ["run 1torn"]


def test_nothing_is_received(played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    from botocore.client import BaseClient  # noqa: PLC0415

    made: set[str] = set()
    real = BaseClient._make_api_call

    def recorded(self: Any, operation: str, params: dict[str, Any]) -> Any:
        made.add(operation)
        return real(self, operation, params)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    assert ask("list").code == 1
    assert "GetQueueAttributes" in made
    assert not {name for name in made if not name.startswith(("Get", "List", "Describe"))}


def test_the_table_in_sixty_columns(played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    outcome = ask("list", "--output", "table")
    assert [line for line in outcome.out.splitlines() if len(line) > 60 and "do: opskit " not in line] == []
    table = outcome.out.partition("\n\n")[0]
    assert "fan-updates-dlq" in table
    assert "3 dead-letter queues, 1 with dead letters" in outcome.out


def test_a_workers_own_queues_alone_and_an_empty_one_is_clean(played: EmbeddedAws, ask: Ask) -> None:
    outcome = ask("list", "--fn", "scoreUsers")
    expected = f"""\
queue              visible    in flight    delayed    oldest    expire    fed by
fan-events-failed  0          0            0                              stream fan-events of scoreUsers

1 dead-letter queue
account {ACCOUNT}, us-east-1, prod, endpoint {played.endpoint}

cost 9 calls, 1 metric, 0 B scanned, $0.0001
"""
    assert (outcome.code, outcome.out, outcome.err) == (0, expected, "")


def test_csv_has_numbers_and_full_names(played: EmbeddedAws, ask: Ask) -> None:
    head, first, *_ = ask("list", "--output", "csv").out.splitlines()
    assert head == (
        "queue,visible,in_flight,delayed,retention_s,oldest_age_s,expires,expires_bound,fed_by,moving"
    )
    name, visible, *_ = first.split(",")
    assert name == f"{PREFIX}fan-updates-dlq"
    assert int(visible) > 100


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--fn", "scoreUser"), '--fn: no manifest is of "scoreUser"; did you mean scoreUsers?'),
        (("--all", "--fn", "scoreUsers"), "--all and --fn: one or the other"),
        (("--deadline", "soon"), '--deadline: expected a duration such as 30s, 60s or 2m, got "soon"'),
        (("--output", "junit"), "--output junit is for opskit health alone, not for opskit dlq list"),
    ],
)
def test_a_wrong_command_line_is_one_line(words: tuple[str, ...], said: str, ask: Ask) -> None:
    outcome = ask("list", *words)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"opskit: {said}\n")


@pytest.mark.parametrize(
    ("action", "signal", "affects"),
    [
        ("GetQueueAttributes", f"queue {PREFIX}fan-events-failed", "whether it has dead letters"),
        (
            "ListDeadLetterSourceQueues",
            f"source queues of {PREFIX}fan-events-failed",
            "what feeds the queues",
        ),
        (
            "ListMessageMoveTasks",
            f"move tasks of {PREFIX}fan-events-failed",
            "whether its letters are being moved",
        ),
    ],
)
def test_what_is_denied_is_unknown_with_the_right_that_lacks(
    action: str, signal: str, affects: str, played: EmbeddedAws, ask: Ask
) -> None:
    with FaultProxy(played.endpoint, [denied("sqs", action)]) as proxy:
        outcome = ask("list", "--fn", "scoreUsers", "--output", "json", endpoint=proxy.endpoint)
    (gap,) = outcome.document["gaps"]
    assert outcome.code == 3
    assert (gap["signal"], gap["affects"]) == (signal, [affects])
    assert f"sqs:{action}" in gap["reason"]


def test_a_queue_that_cannot_be_read_is_never_shown_as_empty(played: EmbeddedAws, ask: Ask) -> None:
    with FaultProxy(played.endpoint, [denied("sqs", "GetQueueAttributes")]) as proxy:
        outcome = ask("list", endpoint=proxy.endpoint)
    assert outcome.code == 3
    assert outcome.out.count("unknown") >= 3
    assert "3 could not be looked at" in outcome.out


def test_without_the_metric_the_expiry_is_unknown_and_the_letters_are_a_finding(
    played: EmbeddedAws, ask: Ask
) -> None:
    with FaultProxy(played.endpoint, [denied("cloudwatch", "GetMetricData")]) as proxy:
        outcome = ask("list", "--output", "json", endpoint=proxy.endpoint)
    assert outcome.code == 1
    assert outcome.queues["fan-updates-dlq"]["expires"] is None
    assert [gap["affects"] for gap in outcome.document["gaps"]] == [["when its letters expire"]]


def test_an_answer_without_counts_is_unread(
    played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opskit.aws import describe  # noqa: PLC0415

    monkeypatch.setattr(describe, "plain", lambda answer: {} if "Attributes" in answer else answer)
    outcome = ask("list", "--fn", "scoreUsers", "--output", "json")
    assert outcome.code == 3
    assert outcome.document["gaps"][0]["reason"].startswith("the answer has no arn, visible")


@pytest.mark.usefixtures("played")
def test_where_nothing_can_be_asked_there_is_one_line(ask: Ask) -> None:
    outcome = ask("list", endpoint="http://127.0.0.1:1")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.count("\n") == 1
    document = ask("list", "--output", "json", endpoint="http://127.0.0.1:1").document
    assert document["verdict"] == "unknown"
    assert {one["state"] for one in document["queues"]} == {"unknown"}


def test_expired_credentials_are_no_empty_queues(played: EmbeddedAws, ask: Ask) -> None:
    with FaultProxy(played.endpoint, [expired()]) as proxy:
        outcome = ask("list", endpoint=proxy.endpoint)
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err == "opskit: AWS credentials expired: run aws sso login or renew them\n"


@pytest.fixture
def foreign(embedded_aws: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedAws:
    """An account of nobody's manifests, with every way to a dead-letter queue."""
    aws = embedded_aws
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path))
    arns = {
        name: aws.queue(name)
        for name in ("async-letters", "destined", "given-up", "plain", "old-dlq", "told-by-sns")
    }
    aws.queue("orders-dead")
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders-dead", "maxReceiveCount": 3}
    aws.queue("orders", RedrivePolicy=json.dumps(redrive))
    aws.queue("moved.fifo", FifoQueue="true")
    moved = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:moved.fifo", "maxReceiveCount": 3}
    aws.queue("events.fifo", FifoQueue="true", RedrivePolicy=json.dumps(moved))
    aws.function("mailer", DeadLetterConfig={"TargetArn": arns["async-letters"]})
    functions = aws.client("lambda")
    functions.put_function_event_invoke_config(
        FunctionName="mailer", DestinationConfig={"OnFailure": {"Destination": arns["destined"]}}
    )
    functions.create_event_source_mapping(
        FunctionName="mailer",
        EventSourceArn=aws.stream("clicks"),
        StartingPosition="LATEST",
        DestinationConfig={"OnFailure": {"Destination": arns["given-up"]}},
    )
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
    }
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName="old-dlq")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    return aws


def test_all_finds_every_dead_letter_queue_of_an_account_by_what_feeds_it(
    foreign: EmbeddedAws, ask: Ask
) -> None:
    outcome = ask("list", "--all", "--output", "json")
    fed = {
        name: [(one["kind"], one["name"]) for one in queue["fed_by"]]
        for name, queue in outcome.queues.items()
    }
    assert fed == {
        "async-letters": [("function", "mailer")],
        "destined": [("function", "mailer")],
        "given-up": [("stream", "clicks")],
        "moved.fifo": [("queue", "events.fifo")],
        "old-dlq": [("service", "SNS")],
        "orders-dead": [("queue", "orders")],
    }
    assert (outcome.code, outcome.document["gaps"]) == (0, [])


def test_a_letter_is_seen_and_a_running_move_task_is_told(foreign: EmbeddedAws, ask: Ask) -> None:
    sqs = foreign.client("sqs")
    url = sqs.get_queue_url(QueueName="orders-dead")["QueueUrl"]
    for number in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=str(number))
    sqs.start_message_move_task(
        SourceArn=f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders-dead",
        DestinationArn=f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders",
        MaxNumberOfMessagesPerSecond=1,
    )
    outcome = ask("list", "--all")
    assert outcome.code == 1
    assert "orders-dead: a message move task (running) moves its letters to queue orders, " in outcome.out


def test_a_target_that_was_deleted_is_missing(foreign: EmbeddedAws, ask: Ask) -> None:
    sqs = foreign.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="async-letters")["QueueUrl"])
    outcome = ask("list", "--all", "--output", "json")
    assert outcome.code == 1
    assert outcome.queues["async-letters"]["state"] == "missing"
    assert [one["cause"] for one in outcome.document["findings"]] == ["resource-missing"]


def test_all_never_hides_what_the_manifests_name_and_the_account_lacks(
    embedded_aws: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It may be the wrong account: nothing there is no good news."""
    for outcome in (ask("list", "--all"), ask("list")):
        assert outcome.code == 1
        assert "\n3 dead-letter queues, 3 missing\n" in outcome.out
        assert outcome.out.count("does not exist; ") == 3
        assert "None of them is there: be sure that account, region and environment are" in outcome.out
    embedded_aws.queue(f"{PREFIX}fan-updates-dlq")
    outcome = ask("list", "--all")
    assert (outcome.code, "\n3 dead-letter queues, 2 missing\n" in outcome.out) == (1, True)
    assert "None of them" not in outcome.out
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path))
    outcome = ask("list", "--all")
    assert (outcome.code, outcome.out.splitlines()[3]) == (0, "1 dead-letter queue")


def test_all_without_the_right_to_list_queues_says_so(foreign: EmbeddedAws, ask: Ask) -> None:
    with FaultProxy(foreign.endpoint, [denied("sqs", "ListQueues")]) as proxy:
        outcome = ask("list", "--all", "--output", "json", endpoint=proxy.endpoint)
    (gap,) = (one for one in outcome.document["gaps"] if one["signal"] == "queues")
    assert gap["affects"] == ["which queues there are"]
    assert "sqs:ListQueues" in gap["reason"]
    assert "given-up" in outcome.queues
