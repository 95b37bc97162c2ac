"""The fleet on ministack: packages, roles, streams, queues, tables, functions, mappings and the API."""

import contextlib
import json
import shutil
import time
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from endtoend.fleet import ENV, ORIGINALS, Member
from endtoend.ministack import ACCOUNT, REGION, Ministack
from workers import package

BUCKET = "packages"
AROUND = "around"
RIGHTS = (
    *("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:PutItem"),
    *("dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:TransactWriteItems"),
    *(
        "kinesis:PutRecord",
        "kinesis:PutRecords",
        "sqs:SendMessage",
        "sqs:GetQueueUrl",
        "sns:Publish",
        "sns:PublishBatch",
    ),
)
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


@dataclass(frozen=True)
class Code:
    """A package as it is deployed: the worker's own files zipped, its libraries in a folder.

    ministack unpacks a zip whenever a process starts, which for a failing worker is each time. So what Lambda
    would unpack once stands unpacked, on PYTHONPATH; the zip has the rest, and `around`.
    """

    zip: Path
    libraries: Path


def built(folder: Path) -> dict[str, Code]:
    """Build each original's package and part it."""
    codes = {}
    for name in ORIGINALS:
        whole = package.build(name, folder, installed=True).path
        codes[name] = _parted(whole, folder / name)
    return codes


def _parted(whole: Path, into: Path) -> Code:
    code = Code(into / "function.zip", into / "libraries")
    code.libraries.mkdir(parents=True)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(code.zip, "w") as own:
        for name in archive.namelist():
            if name.startswith("workers/"):
                own.writestr(name, archive.read(name))
            else:
                archive.extract(name, code.libraries)
        own.write(Path(__file__).with_name(f"{AROUND}.py"), f"{AROUND}.py")
    return code


def without(code: Code, module: str, into: Path) -> Path:
    """Return a zip of the code in which one module is missing."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(code.zip) as archive, zipfile.ZipFile(into, "w") as broken:
        assert module in archive.namelist()
        for name in archive.namelist():
            if name != module:
                broken.writestr(name, archive.read(name))
    return into


class Deployment:
    """Clients, and what was made: `mappings` by worker, `api` the address of the REST API's stage."""

    def __init__(self, aws: Ministack, codes: Mapping[str, Code]) -> None:
        self.aws = aws
        self.codes = codes
        self.mappings: dict[str, str] = {}
        self.api = ""
        names = ("iam", "lambda", "kinesis", "sqs", "sns", "dynamodb", "s3", "apigateway", "logs")
        self._clients = {name: aws.client(name) for name in names}
        self.client("s3").create_bucket(Bucket=BUCKET)
        for name, code in codes.items():
            self.upload(name, code.zip)

    def client(self, service: str) -> Any:
        return self._clients[service]

    def upload(self, key: str, file: Path) -> None:
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=file.read_bytes())

    def deploy(self, member: Member, variables: Mapping[str, str]) -> None:
        """Make a worker's resources, its function with these variables, and what invokes it."""
        trigger = member.worker.sources[0].trigger
        source_arn = _SOURCES[trigger](self, member)
        for kind, name in member.worker.downstream:
            if kind == "topic":
                self.client("sns").create_topic(Name=name)
        for table in member.worker.tables:
            if table != member.source:
                self.table(table, _key(member, table), stream=False)
        arn = self._function(member, variables)
        if source_arn:
            self._map(member, source_arn)
        else:
            self._rest_api(member, arn)

    def table(self, name: str, key: str, *, stream: bool) -> str:
        """Make a table, if it is not there yet; return its stream's ARN, "" without one."""
        ddb = self.client("dynamodb")
        view = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        with contextlib.suppress(ddb.exceptions.ResourceInUseException):
            ddb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        if stream:
            ddb.update_table(TableName=name, StreamSpecification=view)
        made: str = ddb.describe_table(TableName=name)["Table"].get("LatestStreamArn", "")
        return made

    def allow(self, member: Member, *rights: str) -> None:
        """Give a worker's role these rights, and no other."""
        statement = {"Effect": "Allow", "Action": list(rights), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("iam").put_role_policy(RoleName=member.name, PolicyName="rights", PolicyDocument=policy)

    def queue_url(self, name: str) -> str:
        return f"{self.aws.endpoint}/{ACCOUNT}/{name}"

    def _function(self, member: Member, variables: Mapping[str, str]) -> str:
        trust = json.dumps({"Version": "2012-10-17", "Statement": [TRUST]})
        role = self.client("iam").create_role(RoleName=member.name, AssumeRolePolicyDocument=trust)["Role"]
        self.allow(member, *RIGHTS)
        code = self.codes[member.original]
        everyone = {
            "CONFIG_ENV": ENV,
            "PYTHONPATH": str(code.libraries),
            "AROUND_HANDLER": f"workers.{FOLDERS[member.original]}.handler.handle",
        }
        made = self.client("lambda").create_function(
            FunctionName=member.worker.function,
            Role=role["Arn"],
            Runtime="python3.13",
            Handler=f"{AROUND}.handle",
            Code={"S3Bucket": BUCKET, "S3Key": member.original},
            Timeout=member.worker.expected["timeout_s"],
            MemorySize=member.worker.expected["memory_mb"],
            Environment={"Variables": {**everyone, **variables}},
        )
        if reserved := member.worker.expected["reserved_concurrency"]:
            self.client("lambda").put_function_concurrency(
                FunctionName=member.worker.function, ReservedConcurrentExecutions=reserved
            )
        arn: str = made["FunctionArn"]
        return arn

    def _map(self, member: Member, source_arn: str) -> None:
        expected = member.worker.expected
        asked: dict[str, Any] = {"BatchSize": expected["batch_size"]}
        if ":sqs:" not in source_arn:
            asked |= {"StartingPosition": expected["starting_position"]}
        if expected["report_batch_item_failures"]:
            asked |= {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
        made = self.client("lambda").create_event_source_mapping(
            FunctionName=member.worker.function, EventSourceArn=source_arn, **asked
        )
        self.mappings[member.name] = made["UUID"]

    def _rest_api(self, member: Member, arn: str) -> None:
        gateway = self.client("apigateway")
        api = gateway.create_rest_api(name=member.source)["id"]
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
        expected = member.worker.expected
        self.client("lambda").add_permission(
            FunctionName=member.worker.function,
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/*",
        )
        for method, path in ((expected["method"], expected["path"]), ("GET", expected["health_path"])):
            where = {"restApiId": api, "resourceId": _resource(gateway, api, path), "httpMethod": method}
            gateway.put_method(**where, authorizationType="NONE")
            gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        gateway.create_deployment(restApiId=api, stageName=expected["stage"])
        self.api = f"{self.aws.endpoint}/restapis/{api}/{expected['stage']}/_user_request_"


FOLDERS = {
    "validateToken": "validate_token",
    "handleEvent": "handle_event",
    "scoreUsers": "score_users",
    "publishScores": "publish_scores",
}
KEYS = {"identity-tokens": "jti", "profiles": "userId", "handled": "id"}
"""Keys of tables that no manifest says, by a part of their names."""


def _resource(gateway: Any, api: str, path: str) -> str:
    """Return the id of a path's resource, made with those above it as far as they are missing."""
    ids = {one["path"]: one["id"] for one in gateway.get_resources(restApiId=api)["items"]}
    above = ""
    for part in path.strip("/").split("/"):
        here = f"{above}/{part}"
        if here not in ids:
            made = gateway.create_resource(restApiId=api, parentId=ids[above or "/"], pathPart=part)
            ids[here] = made["id"]
        above = here
    return str(ids[above])


def _stream(deployment: Deployment, member: Member) -> str:
    kinesis = deployment.client("kinesis")
    kinesis.create_stream(StreamName=member.source, ShardCount=member.worker.expected["shards"])
    until = time.monotonic() + 20
    while True:
        told = kinesis.describe_stream_summary(StreamName=member.source)["StreamDescriptionSummary"]
        if told["StreamStatus"] == "ACTIVE":
            break
        assert time.monotonic() < until, told
        time.sleep(0.1)
    if failed := member.worker.expected["on_failure"]:
        deployment.client("sqs").create_queue(QueueName=failed)
    return str(told["StreamARN"])


def _changes(deployment: Deployment, member: Member) -> str:
    if failed := member.worker.expected["on_failure"]:
        deployment.client("sqs").create_queue(QueueName=failed)
    return deployment.table(member.source, _key(member, member.source), stream=True)


def _key(member: Member, table: str) -> str:
    """Return a table's key, by its manifest or by a part of its name."""
    found = member.worker.table_keys.get(table)
    return found or next(key for part, key in KEYS.items() if part in table)


def _queue(deployment: Deployment, member: Member) -> str:
    sqs, expected = deployment.client("sqs"), member.worker.expected
    dead = sqs.create_queue(QueueName=member.worker.dead_letter_queue)["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": expected["max_receive_count"]}
    attributes = {
        "VisibilityTimeout": str(expected["visibility_timeout_s"]),
        "MessageRetentionPeriod": str(expected["retention_s"]),
        "RedrivePolicy": json.dumps(redrive),
    }
    return _arn(sqs, sqs.create_queue(QueueName=member.source, Attributes=attributes)["QueueUrl"])


def _arn(sqs: Any, url: str) -> str:
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(asked["Attributes"]["QueueArn"])


_SOURCES = {
    "kinesis": _stream,
    "dynamodb-stream": _changes,
    "sqs": _queue,
    "rest-api": lambda *_: "",
}


def clean(folder: Path) -> None:
    """Remove the unpacked libraries: they are hundreds of megabytes."""
    shutil.rmtree(folder, ignore_errors=True)
