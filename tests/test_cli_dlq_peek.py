"""`opskit dlq peek` against the embedded AWS: groups by cause, what is saved, what is refused."""

import json
import stat
from pathlib import Path
from signal import SIGTERM

import pytest
from conftest import EmbeddedAws
from dlq_asking import PREFIX, Ask, ask
from faults import FaultProxy, denied
from pressing import as_before, pressing

from opskit.errors import UsageError
from opskit.redrive.backup import letters
from opskit.redrive.letter import from_text
from opskit.sandbox import stage
from opskit.sandbox.incidents import find

__all__ = ["ask"]
ACCOUNT = "123456789012"
DEAD = f"{PREFIX}fan-updates-dlq"


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws) -> EmbeddedAws:
    """A sandbox with dead letters, and some queues made by hand."""
    stage.play(shared_aws.planes, find("queue-poison"), seed=7, span_s=3600)
    aws = shared_aws
    aws.queue("letters-of-mailer")
    put(
        aws,
        "letters-of-mailer",
        '{"to": "ada@example.com", "n": 1}',
        ErrorCode="200",
        ErrorMessage="no user 17",
    )
    put(
        aws,
        "letters-of-mailer",
        '{"to": "bob@example.com", "n": 2}',
        ErrorCode="200",
        ErrorMessage="no user 4",
    )
    put(aws, "letters-of-mailer", "ada@example.com wrote", ErrorCode="200", ErrorMessage="Task timed out")
    aws.queue("empty-dlq")
    aws.queue("work")
    function = aws.function("worker")["FunctionArn"]
    aws.client("lambda").create_event_source_mapping(
        FunctionName=function, EventSourceArn=f"arn:aws:sqs:us-east-1:{ACCOUNT}:work"
    )
    return aws


def put(aws: EmbeddedAws, queue: str, body: str, **attributes: str) -> str:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    told = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    return str(sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=told)["MessageId"])


def depth(aws: EmbeddedAws, queue: str) -> tuple[int, int]:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])


STRANGER = (
    f"queue {DEAD} is in account 999999999999, but the credentials are of account {ACCOUNT}; choose "
    "others with --profile"
)
PUSHES_ON = (
    f"queue {PREFIX}fan-updates has a redrive policy of its own: receiving its messages can push them on "
    "to its dead-letter queue; peek there"
)
WORKED_ON = "queue work is no dead-letter queue: worker reads it, and a peek would take messages away from it"
NOTE = (
    "opskit: peeking receives up to {count} messages of {queue}: it raises their receive counts by one, and "
    "hides them for a moment (at most 30 s)\n"
)


def test_letters_come_in_groups_by_their_error_attributes(played: EmbeddedAws, ask: Ask) -> None:
    outcome = ask("peek", "letters-of-mailer", "--output", "json")
    document = outcome.document
    assert (outcome.code, outcome.err) == (1, NOTE.format(count=10, queue="letters-of-mailer"))
    first, second = document["groups"]
    assert (first["cause"], first["rests_on"], first["letters"]) == ("200: no user #", "error attribute", 2)
    assert first["samples"][0]["body"] == '{"to": "***", "n": 1}'
    assert first["samples"][0]["attributes"] == {"ErrorCode": "200", "ErrorMessage": "no user 17"}
    assert second["samples"][0]["body"] == "*** wrote"
    assert document["sample"] == {
        "letters": 3, "of": 3, "unreached": None, "consumers": [], "named_in_logs": None,
    }  # fmt: skip
    assert document["queues"][0]["expires_bound"] == "exact"
    assert "example.com" not in outcome.out
    assert depth(played, "letters-of-mailer") == (3, 0)


def test_the_short_name_does_and_the_body_is_the_last_resort(played: EmbeddedAws, ask: Ask) -> None:
    before = depth(played, DEAD)
    outcome = ask("peek", "fan-updates-dlq", "--count", "4", "--output", "json")
    (group,) = outcome.document["groups"]
    assert (group["cause"], group["rests_on"], group["letters"]) == ("JSON eventId, userId", "body shape", 4)
    assert len(group["samples"]) == 3
    assert outcome.document["sample"]["consumers"] == ["handleEvent"]
    assert outcome.document["sample"]["named_in_logs"] == 0
    assert outcome.document["queues"][0]["expires_bound"] == "at the latest"
    assert outcome.document["cost"]["bytes_scanned"] > 0
    assert depth(played, DEAD) == before


def test_the_consumers_failing_lines_are_the_cause_where_they_name_the_message(
    played: EmbeddedAws, ask: Ask
) -> None:
    played.queue("told-dlq")
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:told-dlq", "maxReceiveCount": 1}
    source = played.queue("told", RedrivePolicy=json.dumps(redrive), VisibilityTimeout=30)
    function = played.function("teller")["FunctionArn"]
    played.client("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=source)
    ids = [put(played, "told-dlq", "{}") for _ in range(3)]
    logs, group = played.client("logs"), "/aws/lambda/teller"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    at = int(played.clock() * 1000)
    events = [
        {"timestamp": at, "message": f"[ERROR] message {one} failed: no user {n} for eve@example.com"}
        for n, one in enumerate(ids[:2], 40)
    ]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    outcome = ask("peek", "told-dlq", "--output", "json")
    first, second = outcome.document["groups"]
    assert (first["rests_on"], first["letters"]) == ("log line", 2)
    assert first["cause"] == "message # failed: no user # for ***"
    assert first["samples"][0]["line"] == f"message {ids[0]} failed: no user 40 for ***"
    assert (second["rests_on"], second["letters"]) == ("body shape", 1)
    assert outcome.document["sample"]["consumers"] == ["teller"]
    assert outcome.document["sample"]["named_in_logs"] == 2
    without = ask("peek", "told-dlq", "--no-logs", "--output", "json").document
    assert [group["rests_on"] for group in without["groups"]] == ["body shape"]
    assert without["sample"]["named_in_logs"] is None
    with FaultProxy(played.endpoint, [denied("logs", "StartQuery")]) as proxy:
        unread = ask("peek", "told-dlq", "--output", "json", endpoint=proxy.endpoint)
    (gap,) = unread.document["gaps"]
    assert (gap["signal"], gap["affects"]) == ("the consumer's log lines", ["why the letters failed"])
    assert "logs:StartQuery" in gap["reason"]
    assert unread.code == 1


def test_a_query_above_max_cost_is_not_run(played: EmbeddedAws, ask: Ask) -> None:
    outcome = ask("peek", "fan-updates-dlq", "--count", "1", "--max-cost", "0", "--output", "json")
    (gap,) = outcome.document["gaps"]
    assert gap["reason"].startswith("the query would cost $")
    assert gap["reason"].endswith("above --max-cost 0")
    assert outcome.document["cost"]["bytes_scanned"] == 0


def test_plain_output_tells_all_of_it(played: EmbeddedAws, ask: Ask) -> None:
    outcome = ask("peek", "letters-of-mailer", "--count", "3")
    head, table, *_ = outcome.out.split("\n\n")
    assert head == "letters-of-mailer: all 3 dead letters, 2 causes"
    assert [line.split()[0] for line in table.splitlines()] == [
        "group", "200-no-user-4525", "200-task-timed-out-ba81",
    ]  # fmt: skip
    assert "No function is known to read the queues that they came from: no log was asked." in outcome.out
    assert "do: opskit redrive-dlq letters-of-mailer --region us-east-1" in outcome.out
    assert f"account {ACCOUNT}, us-east-1, prod, endpoint {played.endpoint}" in outcome.out


@pytest.mark.usefixtures("played")
def test_csv_is_a_line_a_group(ask: Ask) -> None:
    lines = ask("peek", "letters-of-mailer", "--output", "csv").out.splitlines()
    assert lines[0] == "group,rests_on,cause,letters,first_sent,last_sent,message_id,body,line"
    assert lines[1].startswith("200-no-user-4525,error attribute,200: no user #,2,")
    assert len(lines) == 3


@pytest.mark.usefixtures("played")
def test_sixty_columns_are_enough(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    outcome = ask("peek", "letters-of-mailer", "--output", "table")
    copied = ("do: ", "harmful: ")
    lines = [line for line in outcome.out.splitlines() if not line.strip().startswith(copied)]
    assert max(map(len, lines)) <= 60
    assert "200-no-user-4525" in outcome.out


def test_letters_are_saved_whole_and_private(played: EmbeddedAws, ask: Ask, tmp_path: Path) -> None:
    outcome = ask("peek", "letters-of-mailer", "--save", "letters.json")
    path = tmp_path / "letters.json"
    assert outcome.err.endswith("opskit: saved to letters.json: whole messages, nothing in them is masked\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    saved = [from_text(line) for line in path.read_text("utf-8").splitlines()]
    assert {letter.body for letter in saved} >= {'{"to": "ada@example.com", "n": 1}'}
    assert {letter.attributes["ErrorCode"]["StringValue"] for letter in saved} == {"200"}
    with pytest.raises(UsageError, match="is what a peek saved: its messages may still be in"):
        list(letters(path))
    again = ask("peek", "letters-of-mailer", "--save", "letters.json")
    assert (again.code, again.err) == (2, "opskit: letters.json: is there already; --force replaces it\n")
    assert ask("peek", "letters-of-mailer", "--save", "letters.json", "--force").code == 1


def test_an_empty_queue_is_empty_after_several_polls(played: EmbeddedAws, ask: Ask) -> None:
    outcome = ask("peek", "empty-dlq", "--save", "none.json")
    expected = f"""\
empty-dlq: empty

account {ACCOUNT}, us-east-1, prod, endpoint {played.endpoint}

cost 9 calls, 0 metrics, 0 B scanned, $0.0001
"""
    assert (outcome.code, outcome.out) == (0, expected)
    assert outcome.err.endswith("nothing was saved to none.json: no message was received\n")
    assert not Path("none.json").exists()


def test_messages_that_others_hold_are_not_called_none(played: EmbeddedAws, ask: Ask) -> None:
    played.queue("held-dlq")
    put(played, "held-dlq", "{}")
    sqs = played.client("sqs")
    url = sqs.get_queue_url(QueueName="held-dlq")["QueueUrl"]
    assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=600)["Messages"]
    outcome = ask("peek", "held-dlq")
    assert outcome.code == 1
    assert outcome.out.startswith("held-dlq: nothing was received\n")
    assert "three polls got none of 1 message (1 in flight, 0 delayed)" in outcome.out


def test_a_fifo_queue_says_what_a_sample_cannot_reach(played: EmbeddedAws, ask: Ask) -> None:
    played.queue("ordered-dlq.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    sqs = played.client("sqs")
    url = sqs.get_queue_url(QueueName="ordered-dlq.fifo")["QueueUrl"]
    for number in range(30):
        sqs.send_message(QueueUrl=url, MessageBody=f"{number}", MessageGroupId="ada@example.com")
    outcome = ask("peek", "ordered-dlq.fifo", "--count", "30", "--output", "json")
    sample = outcome.document["sample"]
    assert sample["letters"] < sample["of"] == 30
    assert sample["unreached"].startswith("a FIFO queue gives no more of a message group")
    assert outcome.document["queues"][0]["expires_bound"] == "at the earliest"
    assert outcome.document["groups"][0]["samples"][0]["message_group"] == "***"


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fan-update-dlq",), "no queue fan-update-dlq in region us-east-1; did you mean fan-updates-dlq?"),
        (
            ("letter-of-mailer",),
            "no queue letter-of-mailer in region us-east-1; did you mean letters-of-mailer?",
        ),
        (("a b",), 'QUEUE: expected a queue\'s name, URL or ARN, got "a b"'),
        (
            (f"arn:aws:sqs:us-east-1:999999999999:{DEAD}",),
            STRANGER,
        ),
        (
            (f"https://sqs.eu-west-1.amazonaws.com/{ACCOUNT}/x-dlq", "--region", "us-east-1"),
            "--region us-east-1 contradicts QUEUE, whose region is eu-west-1",
        ),
        (
            ("fan-updates",),
            PUSHES_ON,
        ),
        (
            ("work",),
            WORKED_ON,
        ),
        (("empty-dlq", "--force"), "--force is for --save FILE"),
        (("empty-dlq", "--save", "no/such/file"), "no/such: no such folder"),
    ],
)
def test_what_cannot_or_must_not_be_peeked_at_is_one_line(
    words: tuple[str, ...], said: str, ask: Ask
) -> None:
    outcome = ask("peek", *words)
    assert (outcome.code, outcome.out, outcome.err) == (2, "", f"opskit: {said}\n")


@pytest.mark.usefixtures("played")
@pytest.mark.parametrize("count", ["0", "1001", "many"])
def test_a_count_out_of_bounds_is_refused(count: str, ask: Ask) -> None:
    outcome = ask("peek", "empty-dlq", "--count", count)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert "--count" in outcome.err


@pytest.mark.usefixtures("played")
def test_the_region_of_an_arn_is_gone_to(ask: Ask) -> None:
    outcome = ask("peek", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:empty-dlq")
    assert outcome.code == 2
    assert outcome.err == (
        "opskit: region eu-west-1, as QUEUE says\n"
        f"opskit: no queue empty-dlq in account {ACCOUNT}, region eu-west-1\n"
    )


@pytest.mark.parametrize(
    ("action", "right"),
    [("GetQueueAttributes", "sqs:GetQueueAttributes"), ("ReceiveMessage", "sqs:ReceiveMessage")],
)
def test_without_the_right_to_look_it_is_unknown(
    action: str, right: str, played: EmbeddedAws, ask: Ask
) -> None:
    with FaultProxy(played.endpoint, [denied("sqs", action)]) as proxy:
        outcome = ask("peek", "letters-of-mailer", endpoint=proxy.endpoint)
    assert (outcome.code, outcome.out) == (3, "")
    assert right in outcome.err.splitlines()[-1]


def test_who_ends_a_peek_leaves_nothing_hidden(
    played: EmbeddedAws, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opskit.aws.sqs import Queue  # noqa: PLC0415

    monkeypatch.setattr(Queue, "receive", pressing(Queue.receive, SIGTERM, at=2))
    before = depth(played, DEAD)
    with as_before():
        outcome = ask("peek", "fan-updates-dlq", "--count", "50")
    assert (outcome.code, outcome.out) == (143, "")
    assert outcome.err.endswith("opskit: ended by SIGTERM\n")
    assert depth(played, DEAD) == before
