"""`opskit redrive-dlq s3://BUCKET/PREFIX`: what Lambda wrote to S3, by the command line."""

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError
from conftest import EmbeddedAws
from envelope import check
from faults import FaultProxy, denied
from redrive_calls import Redrive, commander
from redrive_letters import batch, invocation

from opskit.redrive import lease

GO = ("--apply", "--yes", "--output", "json")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Bucket:
    """A bucket of failures of one function, which gives them to it."""

    aws: EmbeddedAws
    name: str
    function: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def fill(self, count: int, folder: str = "aws/lambda/async/f") -> list[str]:
        keys = [f"{folder}/{number}" for number in range(count)]
        for number, key in enumerate(keys):
            self.put(key, invocation(f'{{"user": {number}}}', self.function))
        return keys

    def put(self, key: str, body: str) -> None:
        self.aws.client("s3").put_object(Bucket=self.name, Key=key, Body=body)

    @property
    def keys(self) -> Sequence[str]:
        answer = self.aws.client("s3").list_objects_v2(Bucket=self.name)
        return [one["Key"] for one in answer.get("Contents", ())]


@pytest.fixture
def bucket(request: pytest.FixtureRequest, shared_aws: EmbeddedAws) -> Bucket:
    name = f"b{zlib.crc32(request.node.nodeid.encode())}"
    shared_aws.client("s3").create_bucket(Bucket=name)
    arn = shared_aws.function(name)["FunctionArn"]
    shared_aws.client("lambda").put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": f"arn:aws:s3:::{name}"}}
    )
    return Bucket(shared_aws, name, arn)


@pytest.fixture
def opskit(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Redrive:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return commander(capfd, monkeypatch, tmp_path)


def test_a_dry_run_says_where_each_would_go_and_how_to_do_it(bucket: Bucket, opskit: Redrive) -> None:
    keys = bucket.fill(2)
    told = opskit("redrive-dlq", f"{bucket.url}/aws/lambda/async/", "--limit", "5")
    assert (told.code, told.err) == (0, "")
    assert told.out == (
        f"DRY RUN: {bucket.url}: 2 failures, nothing was handed over\n"
        f"where    account 123456789012, us-east-1, prod\n"
        f"object   {keys[0]}: function {bucket.name}\n"
        f"object   {keys[1]}: function {bucket.name}\n"
        f"do it    opskit redrive-dlq {bucket.url}/aws/lambda/async/ --limit 5 --apply\n"
    )
    assert bucket.keys == keys
    dry = check(opskit("redrive-dlq", bucket.url, "--limit", "2", "--output", "json").out)
    assert dry["next"] == [f"opskit redrive-dlq {bucket.url} --limit 2 --output json --apply"]
    assert (dry["objects"][0]["to"], dry["objects"][0]["deleted"]) == (f"function {bucket.name}", False)


def test_each_goes_to_its_function_and_is_deleted_then(bucket: Bucket, opskit: Redrive) -> None:
    bucket.fill(3)
    bucket.put("elsewhere/mine", "mine")
    told = opskit("redrive-dlq", bucket.url, *GO, "--limit", "2")
    document = check(told.out)
    assert (told.code, document["verdict"], document["next"]) == (0, "ok", [])
    assert [(one["outcome"], one["deleted"]) for one in document["objects"]] == [("confirmed", True)] * 2
    again = opskit("redrive-dlq", bucket.url, "--apply", "--yes")
    assert (again.code, again.out.splitlines()[0]) == (0, f"{bucket.url}: 1 of 1 failure taken and deleted")
    assert bucket.keys == ["elsewhere/mine"]


def test_what_cannot_be_read_is_no_finding_but_unknown(
    bucket: Bucket, opskit: Redrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.fill(1)
    answer = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
    monkeypatch.setattr("opskit.aws.objects.Bucket.read", Mock(side_effect=answer))
    told = opskit("redrive-dlq", bucket.url, "--output", "json")
    document = check(told.out)
    assert (told.code, document["verdict"], document["findings"]) == (3, "unknown", [])
    assert [gap["reason"] for gap in document["gaps"]] == ["denied: needs s3:GetObject"]


def test_what_was_taken_and_not_deleted_is_gone_on_with(
    bucket: Bucket, opskit: Redrive, tmp_path: Path
) -> None:
    bucket.fill(3)
    with FaultProxy(bucket.aws.endpoint, [denied("s3", "DeleteObject")]) as proxy:
        told = opskit("redrive-dlq", bucket.url, "--limit", "2", *GO, endpoint=proxy.endpoint)
    document = check(told.out)
    run = document["run"]
    resume = f"opskit redrive-dlq --resume {run} --apply"
    assert (told.code, document["next"], len(bucket.keys)) == (1, [resume], 3)
    assert told.err == f"opskit: run {run}: if it is cut off, go on with {resume}\n"
    another = opskit("redrive-dlq", bucket.url, *GO)
    assert (another.code, another.err.count(run)) == (2, 2)
    with lease.held(tmp_path / "state", f"arn:aws:s3:::{bucket.name}"):
        for words in ((bucket.url,), ("--resume", run)):
            taken = opskit("redrive-dlq", *words)
            assert (taken.code, "another opskit on this machine is moving" in taken.err) == (2, True)
    dry = opskit("redrive-dlq", "--resume", run)
    assert (dry.code, dry.out.splitlines()[-1], len(bucket.keys)) == (0, f"do it    {resume}", 3)
    listed = opskit("dlq", "receipts", "--output", "json")
    assert [one["receipt"]["undeleted"] for one in json.loads(listed.out)] == [1]
    again = opskit("redrive-dlq", "--resume", run, "--apply", "--yes")
    assert (again.code, len(bucket.keys)) == (0, 1)
    lines = again.out.splitlines()
    assert lines[0] == f"{bucket.url}: 2 of 2 failures taken and deleted"
    assert "more     only the first 2 were looked at: again, or with a higher --limit" in lines
    assert lines[-1] == f"run      {run}; kept until: opskit dlq receipts {run} --sign-off"
    shown = opskit("dlq", "receipts", run).out
    assert "moved     2" in shown.splitlines()
    assert "count" not in shown, "a bucket has none to compare with"
    assert opskit("dlq", "receipts", run, "--sign-off").code == 0


def test_that_there_may_be_more_is_said(bucket: Bucket, opskit: Redrive) -> None:
    bucket.fill(2)
    told = opskit("redrive-dlq", bucket.url, "--limit", "1")
    assert "more     only the first 1 were looked at: again, or with a higher --limit\n" in told.out


def test_what_is_no_record_stays_and_is_a_finding(bucket: Bucket, opskit: Redrive) -> None:
    bucket.put("aws/lambda/notes.txt", "mine")
    told = opskit("redrive-dlq", bucket.url, *GO)
    (finding,) = check(told.out)["findings"]
    assert (told.code, finding["cause"], finding["subject"]) == (
        1, "redrive-failed", f"{bucket.url}/aws/lambda/notes.txt",
    )  # fmt: skip
    assert bucket.keys == ["aws/lambda/notes.txt"]


def test_events_of_batches_go_into_a_file(bucket: Bucket, opskit: Redrive, tmp_path: Path) -> None:
    event = json.dumps({"Records": [1]})
    bucket.put("aws/lambda/m/shardId-000000000000/1", batch(payload=event))
    dry = opskit("redrive-dlq", bucket.url, "--to-file", "events.jsonl")
    assert (dry.code, list(tmp_path.glob("events*"))) == (0, []), dry.out
    told = opskit("redrive-dlq", bucket.url, *GO, "--to-file", "events.jsonl")
    assert (told.code, bucket.keys) == (0, [])
    assert (tmp_path / "events.jsonl").read_text() == f"{event}\n"
    again = opskit("redrive-dlq", bucket.url, *GO, "--to-file", "events.jsonl")
    assert (again.code, again.out) == (2, "")
    assert again.err == f"opskit: --to-file {tmp_path / 'events.jsonl'}: is there already; name a new file\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("s3://B",), "QUEUE: expected s3://BUCKET/PREFIX, got s3://B"),
        (("s3://bucket", "--match", "a", "--rate", "5"), "objects in S3 take no --match, --rate"),
        (("s3://bucket", "--force"), "objects in S3 take no --force"),
        (("s3://bucket", "--limit", "0"), "--limit: expected a number from 1 on, got 0"),
        (
            ("s3://bucket", "--to-function", "a", "--to-file", "b"),
            "--to-function and --to-file: one or the other",
        ),
        (
            ("s3://bucket", "--server-side"),
            "QUEUE: expected a queue's name, URL or ARN, got",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_aws_is_asked(
    opskit: Redrive, words: tuple[str, ...], line: str
) -> None:
    told = opskit("redrive-dlq", *words, endpoint="http://127.0.0.1:1")
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert told.err.startswith(f"opskit: {line}")


def test_a_bucket_that_is_not_there_is_one_line(bucket: Bucket, opskit: Redrive) -> None:
    told = opskit("redrive-dlq", f"{bucket.url}-gone")
    assert (told.code, told.out, told.err.count("\n")) == (3, "", 1)
    assert told.err.startswith(f"opskit: bucket {bucket.name}-gone: ")


def test_nothing_is_handed_over_without_a_word(
    bucket: Bucket, opskit: Redrive, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = bucket.fill(1)
    alone = opskit("redrive-dlq", bucket.url, "--apply")
    assert (alone.code, alone.out) == (2, "")
    assert alone.err == "opskit: nobody is there to be asked; say --yes to move without a question\n"
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    refused = opskit("redrive-dlq", bucket.url, "--apply")
    assert (refused.code, bucket.keys) == (2, keys)
    assert f"Hand over up to 100 failures of {bucket.url}, and delete them there? [y/N]: " in refused.err
    other = opskit("redrive-dlq", bucket.url, *GO, "--account", "999999999999")
    assert (other.code, bucket.keys) == (2, keys)
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert opskit("redrive-dlq", bucket.url, "--apply").code == 0
    assert bucket.keys == []
