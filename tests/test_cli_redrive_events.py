"""`opskit redrive-dlq` of letters that no queue gave up: of functions, streams and topics."""

import json
import sqlite3
import stat
import threading
import time
import uuid
import zlib
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
from conftest import REGION, EmbeddedAws
from envelope import check
from redrive_calls import Redrive, commander, depth
from redrive_letters import batch, invocation, notification

from opskit.redrive import runs

GO = ("--apply", "--yes", "--ramp", "0s", "--output", "json")


@dataclass
class Mailer:
    """A function, its log, the queue that gets its failures, and its manifest."""

    aws: EmbeddedAws
    name: str
    function: str
    arn: str
    queue_arn: str
    url: str
    state: Path
    groups: list[str] = field(default_factory=list)

    @property
    def queue(self) -> str:
        return self.queue_arn.rpartition(":")[2]

    @property
    def log_group(self) -> str:
        return f"/aws/lambda/{self.function}"

    def letter(self, event: str, request: str = "") -> str:
        """Put an asynchronous dead letter into the queue; its id."""
        told = {"RequestID": ("String", request or str(uuid.uuid4())), "ErrorCode": ("Number", "200")}
        sent = self.aws.client("sqs").send_message(
            QueueUrl=self.url,
            MessageBody=event,
            MessageAttributes={
                name: {"DataType": kind, "StringValue": value} for name, (kind, value) in told.items()
            },
        )
        return str(sent["MessageId"])

    def put(self, body: str) -> str:
        return str(self.aws.client("sqs").send_message(QueueUrl=self.url, MessageBody=body)["MessageId"])

    @property
    def depth(self) -> int:
        return depth(self.aws, self.url)


def made(aws: EmbeddedAws, folder: Path, name: str, **settings: Any) -> Mailer:
    function = f"prd2011-prod-{REGION}-{name}"
    queue_arn = aws.queue(f"{function}-failed", **settings)
    arn = aws.function(function, Timeout=1, DeadLetterConfig={"TargetArn": queue_arn})["FunctionArn"]
    url = aws.client("sqs").get_queue_url(QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
    mailer = Mailer(aws, name, function, arn, queue_arn, url, folder / "state")
    logs, stream = aws.client("logs"), {"logGroupName": mailer.log_group, "logStreamName": "s"}
    logs.create_log_group(logGroupName=mailer.log_group)
    logs.create_log_stream(**stream)
    workers = folder / "workers" / name.lower()
    workers.mkdir(parents=True)
    (workers / "worker.yaml").write_text(
        f"""\
name: {name}
stack: mail
owner: mail team
escalation: {{L1: mail on-call, L2: senior engineers, L3: engineering management}}
trigger: {{type: schedule, schedule: "{name}", expression: rate(1 hour)}}
dead_letter_queue: prd2011-{{env}}-{{region}}-{name}-failed
timeout_s: 1
idempotent: true
""",
        encoding="utf-8",
    )
    return mailer


@pytest.fixture
def mailer(
    request: pytest.FixtureRequest,
    shared_aws: EmbeddedAws,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Mailer:
    monkeypatch.setenv("OPSKIT_WORKERS_DIR", str(tmp_path / "workers"))
    return made(shared_aws, tmp_path, f"w{zlib.crc32(request.node.nodeid.encode())}")


@pytest.fixture
def opskit(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Redrive:
    return commander(capfd, monkeypatch, tmp_path)


@dataclass
class Working:
    """The function at work: it writes the lines of each invocation that the ledger knows; use it with `with`.

    `fails`: it writes an error for each. `back`: it writes nothing, and for each that came it puts the letter
    into the queue again, as Lambda does after its last retry.
    """

    mailer: Mailer
    fails: bool = False
    back: bool = False
    seen: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(100)
        self._look()

    def _work(self) -> None:
        while not self._done.wait(0.1):
            self._look()

    def _look(self) -> None:
        for request in self._requests() - self.seen:
            self.seen.add(request)
            if not self.back:
                self._write(request)
            else:
                self.mailer.letter('{"again": true}', request)

    def _requests(self) -> set[str]:
        found: set[str] = set()
        for path in self.mailer.state.glob("redrives/*.sqlite3"):
            with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as ledger:
                found |= {one for (one,) in ledger.execute("SELECT new_id FROM letters WHERE new_id <> ''")}
        return found

    def _write(self, request: str) -> None:
        lines = [f"START RequestId: {request} Version: $LATEST"]
        if self.fails:
            lines.append(f"[ERROR]\t2026-11-26T02:00:00.000Z\t{request}\tno such user")
        lines += [
            f"END RequestId: {request}",
            f"REPORT RequestId: {request}\tDuration: 3.00 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB",
        ]
        at_ms = int(time.time() * 1000)
        self.mailer.aws.client("logs").put_log_events(
            logGroupName=self.mailer.log_group,
            logStreamName="s",
            logEvents=[{"timestamp": at_ms, "message": line} for line in lines],
        )


# --- of functions ---------------------------------------------------------------------------------------


def test_a_dry_run_names_the_function_and_receives_nothing(mailer: Mailer, opskit: Redrive) -> None:
    mailer.letter('{"user": 1}')
    told = opskit("redrive-dlq", mailer.queue)
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[0] == (
        f"DRY RUN: {mailer.queue} -> function {mailer.function}: about 1 dead letter, nothing was received"
    )
    assert mailer.depth == 1


def test_asynchronous_letters_go_to_their_function_after_a_canary_that_its_log_proves(
    mailer: Mailer, opskit: Redrive
) -> None:
    for number in range(5):
        mailer.letter(f'{{"user": {number}}}')
    with Working(mailer) as working:
        told = opskit("redrive-dlq", mailer.queue, *GO)
    receipt = check(told.out, "redrive.schema.json")["receipt"]
    assert (told.code, told.causes, receipt["moved"], receipt["returned"]) == (0, [], 5, 0)
    assert receipt["canary"] == (f"consumed: {mailer.name}'s log names it in an execution that ended well")
    assert (len(working.seen), mailer.depth) == (5, 0)


def test_a_function_that_fails_at_the_canary_gets_no_more(mailer: Mailer, opskit: Redrive) -> None:
    for number in range(3):
        mailer.letter(f'{{"user": {number}}}')
    with Working(mailer, fails=True):
        told = opskit("redrive-dlq", mailer.queue, *GO)
    assert (told.code, told.causes) == (1, ["redrive-canary-failing"])
    assert (
        f"the canary is failing: {mailer.name} failed at it: no such user" in told.receipt["halt"]["reason"]
    )
    assert (told.receipt["moved"], mailer.depth) == (1, 2)


def test_an_asynchronous_letter_that_comes_back_is_known_by_its_request(
    mailer: Mailer, opskit: Redrive
) -> None:
    for number in range(3):
        mailer.letter(f'{{"user": {number}}}')
    with Working(mailer, back=True):
        told = opskit("redrive-dlq", mailer.queue, *GO)
    receipt = told.receipt
    assert (told.code, told.causes) == (1, ["redrive-canary-back", "redrive-loop"])
    assert (receipt["moved"], receipt["returned"], receipt["difference"]) == (0, 1, 0)
    assert receipt["canary"] == "back: it is in the dead-letter queue again, under its new id"
    assert mailer.depth == 3


@pytest.fixture
def stranger(mailer: Mailer) -> str:
    """A function that no manifest says anything of; what it gives up goes into the worker's queue."""
    name = f"{mailer.name}-stranger"
    mailer.aws.function(name, Timeout=1)
    return name


def test_a_function_that_no_manifest_knows_is_judged_too_where_lambda_names_it(
    mailer: Mailer, opskit: Redrive, stranger: str
) -> None:
    mailer.aws.client("lambda").update_function_configuration(
        FunctionName=stranger, DeadLetterConfig={"TargetArn": mailer.queue_arn}
    )
    mailer.letter('{"user": 1}')
    told = opskit("redrive-dlq", mailer.queue, "--output", "json")
    asked = {one["function"] for one in told.document["plan"]["consumers"]}
    assert asked == {mailer.function, stranger}


def test_a_record_of_a_function_that_was_not_looked_at_stays_unless_it_is_forced(
    mailer: Mailer, opskit: Redrive, stranger: str
) -> None:
    """No listing of Lambda's leads from a queue to the functions whose on-failure destination it is."""
    client = mailer.aws.client("lambda")
    client.put_function_event_invoke_config(
        FunctionName=stranger, DestinationConfig={"OnFailure": {"Destination": mailer.queue_arn}}
    )
    record = mailer.put(invocation(function=f"{mailer.arn.rpartition(':')[0]}:{stranger}:$LATEST"))
    told = opskit("redrive-dlq", mailer.queue, *GO)
    assert (told.code, told.receipt["moved"]) == (1, 0)
    assert told.receipt["failures"][0]["id"] == record
    assert f"its function, {stranger}, was not looked at" in told.receipt["failures"][0]["reason"]
    told = opskit("redrive-dlq", mailer.queue, *GO, "--force")
    assert (told.receipt["moved"], mailer.depth) == (1, 0)


def test_letters_go_to_the_function_that_is_named_though_nobody_feeds_the_queue(
    mailer: Mailer, shared_aws: EmbeddedAws, opskit: Redrive
) -> None:
    other = shared_aws.queue(f"{mailer.name}-parked")
    url = shared_aws.client("sqs").get_queue_url(QueueName=f"{mailer.name}-parked")["QueueUrl"]
    shared_aws.client("sqs").send_message(QueueUrl=url, MessageBody=invocation(function=mailer.arn))
    refused = opskit("redrive-dlq", other, *GO)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"opskit: {mailer.name}-parked takes no queue's and no function's dead letters; its source may be "
        "gone or lead elsewhere now: say --to QUEUE, --to-function NAME or --to-file FILE\n"
    )
    with Working(mailer):
        told = opskit("redrive-dlq", other, *GO, "--to-function", mailer.name)
    assert (told.code, told.receipt["moved"], depth(shared_aws, url)) == (0, 1, 0)
    assert told.document["plan"]["terms"]["to_function"] == mailer.function


@pytest.mark.parametrize("forced", [(), ("--force",)])
def test_a_function_that_does_not_exist_is_one_line(
    mailer: Mailer, opskit: Redrive, forced: tuple[str, ...]
) -> None:
    mailer.letter("{}")
    told = opskit("redrive-dlq", mailer.queue, *GO, "--to-function", "no-such-function", *forced)
    assert (told.code, told.out, mailer.depth) == (2, "", 1)
    assert told.err == 'opskit: --to-function: no function "no-such-function" in region us-east-1\n'


def test_a_queues_own_message_is_no_event_and_stays(mailer: Mailer, opskit: Redrive) -> None:
    plain = mailer.put("a plain message")
    mailer.letter('{"user": 1}')
    told = opskit("redrive-dlq", mailer.queue, *GO, "--force")
    receipt = told.receipt
    assert (told.code, receipt["moved"], receipt["failed"]) == (1, 1, 1)
    assert receipt["failures"] == [{"id": plain, "reason": "it is a queue's own message: say --to QUEUE"}]
    assert mailer.depth == 1


def test_what_a_function_gave_up_is_not_sent_to_a_queue_that_shares_its_dead_letter_queue(
    mailer: Mailer, shared_aws: EmbeddedAws, opskit: Redrive
) -> None:
    policy = json.dumps({"deadLetterTargetArn": mailer.queue_arn, "maxReceiveCount": 3})
    shared_aws.queue(f"{mailer.name}-work", RedrivePolicy=policy)
    work = shared_aws.client("sqs").get_queue_url(QueueName=f"{mailer.name}-work")["QueueUrl"]
    mailer.letter('{"user": 1}')
    mailer.put("a message")
    told = opskit("redrive-dlq", mailer.queue, *GO, "--force")
    assert (told.code, told.receipt["moved"]) == (0, 1)
    assert told.receipt["left"] == {
        "a function gave it up, and no queue: say --to-function NAME or --to-file FILE": 1
    }
    assert (depth(shared_aws, work), mailer.depth) == (1, 1)


# --- into a file ----------------------------------------------------------------------------------------


def test_events_go_into_a_new_private_file_and_a_stopped_run_goes_on_with_it(
    mailer: Mailer, opskit: Redrive, tmp_path: Path
) -> None:
    events = [f'{{"user": {number}}}' for number in range(4)]
    for event in events:
        mailer.letter(event)
    words = ("redrive-dlq", mailer.queue, *GO, "--to-file", "events.jsonl")
    first = opskit(*words, "--limit", "3")
    file, run = tmp_path / "events.jsonl", first.document["run"]
    assert (first.code, first.receipt["moved"], mailer.depth) == (0, 3, 1)
    assert first.receipt["canary"] == "consumed: it was taken, and the answer said so"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(file.read_text().splitlines()) < set(events)
    again = opskit(*words)
    assert (again.code, again.out) == (2, "")
    assert again.err == f"opskit: --to-file {file}: is there already; name a new file\n"
    ledger = runs.opened(mailer.state, run)
    ledger.note(terms={**ledger.facts()["terms"], "limit": None}, ended=False)
    ledger.close()
    told = opskit("redrive-dlq", "--resume", run, "--apply", "--yes", "--output", "json")
    assert (told.code, told.receipt["moved"], told.receipt["resumed"], mailer.depth) == (0, 4, 1, 0)
    assert sorted(file.read_text().splitlines()) == events


def test_a_file_that_is_gone_leaves_the_run_as_it_was(
    mailer: Mailer, opskit: Redrive, tmp_path: Path
) -> None:
    mailer.letter("{}")
    run = opskit("redrive-dlq", mailer.queue, *GO, "--to-file", "e", "--limit", "1").document["run"]
    ledger = runs.opened(mailer.state, run)
    ledger.note(ended=False)
    ledger.close()
    (tmp_path / "e").unlink()
    told = opskit("redrive-dlq", "--resume", run, "--apply", "--yes")
    assert (told.code, told.out) == (2, "")
    assert told.err == f"opskit: --to-file {tmp_path / 'e'}: No such file or directory\n"


# --- of streams and topics ------------------------------------------------------------------------------


def test_a_streams_batch_is_read_back_and_given_to_its_function(
    mailer: Mailer, shared_aws: EmbeddedAws, opskit: Redrive
) -> None:
    failed = shared_aws.queue(f"{mailer.name}-batches")
    url = shared_aws.client("sqs").get_queue_url(QueueName=f"{mailer.name}-batches")["QueueUrl"]
    stream, kinesis = shared_aws.stream(mailer.name), shared_aws.client("kinesis")
    put = [kinesis.put_record(StreamName=mailer.name, Data=b"1", PartitionKey="k") for _ in range(3)]
    shared_aws.client("lambda").create_event_source_mapping(
        FunctionName=mailer.function,
        EventSourceArn=stream,
        StartingPosition="LATEST",
        DestinationConfig={"OnFailure": {"Destination": failed}},
    )
    body = batch(
        function=mailer.arn,
        shardId=put[0]["ShardId"],
        startSequenceNumber=put[0]["SequenceNumber"],
        endSequenceNumber=put[2]["SequenceNumber"],
        batchSize=3,
        streamArn=stream,
    )
    shared_aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)
    told = opskit("redrive-dlq", failed, *GO)
    assert (told.code, told.receipt["moved"], depth(shared_aws, url)) == (0, 1, 0)
    assert told.receipt["canary"] == "consumed: it was taken, and the answer said so"


def test_notifications_go_to_the_one_subscriber_that_they_were_for(
    mailer: Mailer, shared_aws: EmbeddedAws, opskit: Redrive
) -> None:
    policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}}]}
    dead = shared_aws.queue(f"{mailer.name}-undelivered", Policy=json.dumps(policy))
    mine = shared_aws.queue(f"{mailer.name}-mine")
    sns, sqs = shared_aws.client("sns"), shared_aws.client("sqs")
    topic = sns.create_topic(Name=mailer.name)["TopicArn"]
    subscription = sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=mine,
        Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})},
        ReturnSubscriptionArn=True,
    )["SubscriptionArn"]
    url = sqs.get_queue_url(QueueName=f"{mailer.name}-undelivered")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody=notification(topic, subscription))
    careful = opskit("redrive-dlq", dead, *GO)
    document = check(careful.out, "redrive.schema.json")
    assert (careful.code, document["receipt"], document["plan"]["to"]) == (3, None, [])
    told = opskit("redrive-dlq", dead, *GO, "--force")
    assert (told.code, told.receipt["moved"]) == (0, 1)
    assert depth(shared_aws, url) == 0
    assert depth(shared_aws, sqs.get_queue_url(QueueName=f"{mailer.name}-mine")["QueueUrl"]) == 1


def test_a_subscriber_that_the_queues_policy_leads_to_is_judged_and_gets_a_canary(
    mailer: Mailer, shared_aws: EmbeddedAws, opskit: Redrive
) -> None:
    """What else is in the queue stays: nobody looked at who gets it."""
    sns, sqs = shared_aws.client("sns"), shared_aws.client("sqs")
    topic, other = (sns.create_topic(Name=f"{mailer.name}{end}")["TopicArn"] for end in ("", "-other"))
    policy = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    dead = shared_aws.queue(f"{mailer.name}-undelivered", Policy=json.dumps({"Statement": [policy]}))
    target = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})}
    mine, theirs = (
        sns.subscribe(
            TopicArn=arn, Protocol=protocol, Endpoint=endpoint, Attributes=target, ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        for arn, protocol, endpoint in (
            (topic, "lambda", mailer.arn),
            (other, "sqs", shared_aws.queue(f"{mailer.name}-theirs")),
        )
    )
    url = sqs.get_queue_url(QueueName=f"{mailer.name}-undelivered")["QueueUrl"]
    bodies = [notification(topic, mine)] * 3 + [notification(other, theirs), invocation(function=mailer.arn)]
    for body in bodies:
        sqs.send_message(QueueUrl=url, MessageBody=body)
    with Working(mailer) as working:
        told = opskit("redrive-dlq", dead, *GO)
    receipt = told.receipt
    assert receipt["canary"] == f"consumed: {mailer.name}'s log names it in an execution that ended well"
    assert (told.code, told.causes, receipt["moved"], len(working.seen)) == (1, ["redrive-failed"], 3, 3)
    (failure,) = receipt["failures"]
    assert failure["reason"].startswith(f"its subscriber, queue {mailer.name}-theirs, was not looked at")
    assert receipt["left"] == {
        "a function gave it up, which was not looked at: say --to-function NAME or --to-file FILE": 1
    }
    assert depth(shared_aws, url) == 2
