"""The embedded AWS as a server: admin route, errors, connections."""

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import EmbeddedAws

from opskit import __version__
from opskit.sandbox import stage
from opskit.sandbox.admin import ROUTES
from opskit.sandbox.control import functions, mappings
from opskit.sandbox.incidents import Incident
from opskit.sandbox.server import running


def test_health_says_who_answers(shared_aws: EmbeddedAws) -> None:
    status, health = shared_aws.admin("health")
    assert status == 200
    assert health["version"] == __version__
    assert (health["empty"], health["incident"]) == (True, None)


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("cloudtrail", lambda client: client.list_queries(EventDataStore="store-of-three")),  # json
        (
            "lambda",
            lambda client: client.get_function_scaling_config(FunctionName="f", Qualifier="1"),
        ),  # rest
        ("apigatewayv2", lambda client: client.update_stage(ApiId="a", StageName="$default")),  # signed as v1
        ("iam", lambda client: client.list_organizations_features()),  # query
    ],
)
def test_an_action_nobody_implements_is_an_aws_error_not_retried(
    shared_aws: EmbeddedAws, service: str, call: Callable[[Any], Any]
) -> None:
    with pytest.raises(ClientError, match="the embedded AWS does not implement") as refused:
        call(shared_aws.client(service))
    assert f"implement {service} " in str(refused.value)
    assert refused.value.response["Error"]["Code"] == "NotImplemented"
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_a_fault_inside_is_one_line_and_its_traceback_goes_to_the_log(
    embedded_aws: EmbeddedAws, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("inside")

    control = embedded_aws.planes.control
    monkeypatch.setattr(type(control.functions), "find", broken)
    client = embedded_aws.client("lambda")
    with pytest.raises(ClientError) as failed:
        client.get_function_concurrency(FunctionName="f")
    error = failed.value.response["Error"]
    assert (error["Code"], error["Message"]) == ("InternalFailure", "KeyError; see the sandbox's log")
    assert "Traceback" in caplog.text


def test_one_connection_serves_many_requests(shared_aws: EmbeddedAws) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared_aws.port, timeout=5)
    socket = None
    for _ in range(3):
        connection.request("POST", "/_opskit/account", body=json.dumps({"ConcurrentExecutions": 1000}))
        assert connection.getresponse().read()
        socket = socket or connection.sock
        assert connection.sock is socket
    connection.close()


def test_the_admin_route_refuses_a_web_page(shared_aws: EmbeddedAws) -> None:
    request = urllib.request.Request(f"{shared_aws.endpoint}/_opskit/stop", data=b"{}")
    request.add_header("Origin", "https://example.com")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)
    assert refused.value.code == 403
    refused.value.close()
    assert shared_aws.admin("health")[0] == 200


def test_the_admin_route_refuses_a_foreign_host(shared_aws: EmbeddedAws) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared_aws.port, timeout=5)
    connection.request("GET", "/_opskit/health", headers={"Host": "rebound.example.com"})
    assert connection.getresponse().status == 403
    connection.close()


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("nowhere", None, 404, "no admin route GET /_opskit/nowhere"),
        ("mappings/none", {"State": "Disabled"}, 404, "The resource you requested does not exist."),
        ("account", {"ConcurrentExecutions": "many"}, 400, '"ConcurrentExecutions" must be a whole number'),
        ("play", {}, 400, '"incident" must be a text'),
    ],
)
def test_a_wrong_admin_request_is_told_what_is_wrong(
    shared_aws: EmbeddedAws, path: str, body: dict[str, Any] | None, status: int, says: str
) -> None:
    answer = shared_aws.admin(path, body)
    assert answer[0] == status
    assert says in answer[1]["message"]


def test_a_body_that_is_no_json_object_is_refused(shared_aws: EmbeddedAws) -> None:
    for body in (b"{", b"[]"):
        connection = http.client.HTTPConnection("127.0.0.1", shared_aws.port, timeout=5)
        connection.request("POST", "/_opskit/account", body=body)
        assert connection.getresponse().status == 400
        connection.close()


def test_two_sandboxes_listen_on_two_ports() -> None:
    with running() as one, running() as other:
        assert one.port != other.port


def test_stop_closes_the_port_and_its_open_connections() -> None:
    with running() as sandbox:
        connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
        connection.request("GET", "/_opskit/health")
        connection.getresponse().read()
    with pytest.raises(OSError):  # noqa: PT012
        connection.request("GET", "/_opskit/health")
        connection.getresponse()
    connection.close()


def test_another_incident_is_played_into_an_empty_sandbox(
    embedded_aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(planes: Any, incident: Incident, seed: int) -> dict[str, Any]:
        assert planes.endpoint == embedded_aws.endpoint
        name = incident.name
        embedded_aws.stream(name)
        embedded_aws.queue(name)
        return {"incident": name, "seed": seed}

    monkeypatch.setattr(stage, "play", play)
    embedded_aws.stream("mine")
    kinesis = embedded_aws.client("kinesis")
    assert embedded_aws.admin("play", {"incident": "healthy"}) == (200, {"incident": "healthy", "seed": 1})
    assert set(kinesis.list_streams()["StreamNames"]) == {"healthy", "mine"}
    assert embedded_aws.admin("play", {"incident": "esm-disabled", "seed": 7})[1]["seed"] == 7
    assert embedded_aws.admin("health")[1]["incident"] == "esm-disabled"
    assert kinesis.list_streams()["StreamNames"] == ["esm-disabled"]
    assert [url.rsplit("/")[-1] for url in embedded_aws.client("sqs").list_queues()["QueueUrls"]] == [
        "esm-disabled"
    ]
    events = embedded_aws.client("cloudtrail").lookup_events()["Events"]
    changed = {(event["EventName"], event["Resources"][0]["ResourceName"]) for event in events}
    assert changed == {("CreateStream", "esm-disabled"), ("CreateQueue", "esm-disabled")}


def test_an_unknown_incident_leaves_the_sandbox_as_it_was(embedded_aws: EmbeddedAws) -> None:
    status, answer = embedded_aws.admin("play", {"incident": "esm-disable"})
    assert (status, "did you mean esm-disabled?" in answer["message"]) == (400, True)
    assert embedded_aws.admin("health")[1]["empty"] is True


def test_an_incident_is_not_played_over_what_somebody_made(embedded_aws: EmbeddedAws) -> None:
    dynamodb, logs = embedded_aws.client("dynamodb"), embedded_aws.client("logs")
    table = "prd2011-prod-us-east-1-fan-scores"
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "mine", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "mine", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    logs.create_log_group(logGroupName="/aws/lambda/prd2011-prod-us-east-1-scoreUsers")
    status, answer = embedded_aws.admin("play", {"incident": "healthy"})
    assert (status, answer["error"]) == (409, "Conflict")
    assert f"table {table} and 1 more; delete them" in answer["message"]
    assert embedded_aws.admin("health")[1]["empty"] is True
    assert dynamodb.list_tables()["TableNames"] == [table]
    assert embedded_aws.client("lambda").list_functions()["Functions"] == []


def test_the_documentation_lists_every_admin_route() -> None:
    page = (Path(__file__).parent.parent / "docs" / "embedded-aws.md").read_text()
    documented = set(re.findall(r"^\| `(GET|POST) /_opskit/([^`]+)` \|", page, re.MULTILINE))
    assert documented == set(ROUTES)


def test_the_documentation_lists_what_can_be_set() -> None:
    page = (Path(__file__).parent.parent / "docs" / "embedded-aws.md").read_text()
    for route, settable in (
        ("mappings/{UUID}", mappings.SETTABLE),
        ("functions/{FunctionName}", functions.SETTABLE),
    ):
        row = next(line for line in page.splitlines() if line.startswith(f"| `POST /_opskit/{route}` |"))
        assert set(re.findall(r"`(\w+)`", row.split("|")[2])) == settable


def test_a_body_in_chunks_is_read_whole(shared_aws: EmbeddedAws) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared_aws.port, timeout=5)
    parts = iter([b'{"ConcurrentExec', b'utions": 900}'])
    connection.request("POST", "/_opskit/account?region=eu-west-1", body=parts, encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["AccountLimit"]["ConcurrentExecutions"] == 900


def test_objects_go_through_moto_whole(shared_aws: EmbeddedAws) -> None:
    s3 = shared_aws.client("s3")
    s3.create_bucket(Bucket="reports")
    body = bytes(range(256)) * 1000
    s3.put_object(Bucket="reports", Key="daily/größe 1", Body=body)  # with Expect: 100-continue
    assert s3.head_object(Bucket="reports", Key="daily/größe 1")["ContentLength"] == len(body)
    assert s3.get_object(Bucket="reports", Key="daily/größe 1")["Body"].read() == body
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="reports", Key="none")
