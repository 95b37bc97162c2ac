"""Requests to the APIs themselves: who answers, and that a health route says how the played world is."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from conftest import REGION, EmbeddedAws

from opskit import probe
from opskit.health.endpoint import judge
from opskit.model import Json, Probe, Status
from opskit.sandbox import stage
from opskit.sandbox.incidents import find
from opskit.sandbox.resources import arn
from opskit.sandbox.workload.api import ApiMinute, ApiModel

FUNCTION = "prd2011-prod-us-east-1-validateToken"
HEALTH = "/v1/health"


def rest_api(aws: EmbeddedAws, function: str, *routes: tuple[str, str]) -> str:
    """A REST API of one stage, `live`, each of whose routes calls a function."""
    api = aws.client("apigateway")
    made = api.create_rest_api(name="fans")["id"]
    ids = {"/": api.get_resources(restApiId=made)["items"][0]["id"]}
    target = (
        f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/"
        f"{arn('lambda', f'function:{function}')}/invocations"
    )
    for method, path in routes:
        above = "/"
        for part in filter(None, path.split("/")):
            at = f"{above.rstrip('/')}/{part}"
            if at not in ids:
                ids[at] = api.create_resource(restApiId=made, parentId=ids[above], pathPart=part)["id"]
            above = at
        place = {"restApiId": made, "resourceId": ids[above], "httpMethod": method}
        api.put_method(**place, authorizationType="NONE")
        api.put_integration(**place, type="AWS_PROXY", integrationHttpMethod="POST", uri=target)
    api.create_deployment(restApiId=made, stageName="live")
    return str(made)


def http_api(aws: EmbeddedAws, function: str, *keys: str) -> str:
    api = aws.client("apigatewayv2")
    made = str(api.create_api(Name="fans", ProtocolType="HTTP")["ApiId"])
    integration = api.create_integration(
        ApiId=made, IntegrationType="AWS_PROXY", IntegrationUri=arn("lambda", f"function:{function}")
    )["IntegrationId"]
    for key in keys:
        api.create_route(ApiId=made, RouteKey=key, Target=f"integrations/{integration}")
    api.create_stage(ApiId=made, StageName="$default", AutoDeploy=True)
    return made


def asked(aws: EmbeddedAws, api: str, path: str, stage_name: str = "live", method: str = "GET") -> Json:
    url = f"{aws.endpoint}/restapis/{api}/{stage_name}/_user_request_{path}"
    reading = probe.ask(Probe(url, method), aws.clock)
    assert (reading.status, reading.reason) == (Status.OK, "")
    return reading.document


def said(aws: EmbeddedAws, *where: str) -> tuple[int, str]:
    document = asked(aws, *where)
    return document["status"], document["body"]


@pytest.fixture(scope="module")
def played(shared_aws: EmbeddedAws) -> Iterator[tuple[EmbeddedAws, str]]:
    """A healthy world, and an API before its validateToken."""
    shared_aws.sandbox.renew()
    stage.play(shared_aws.planes, find("healthy"), 3)
    routes = (("GET", HEALTH), ("POST", "/v1/tokens"), ("ANY", "/{proxy+}"))
    yield shared_aws, rest_api(shared_aws, FUNCTION, *routes)
    shared_aws.sandbox.renew()


def test_the_health_route_of_a_healthy_worker_answers(played: tuple[EmbeddedAws, str]) -> None:
    aws, api = played
    document = asked(aws, api, HEALTH)
    assert (document["status"], document["body"]) == (200, '{"status": "ok"}')
    assert judge(document).state == "ok"


def test_other_routes_are_said_to_run_no_code(played: tuple[EmbeddedAws, str]) -> None:
    aws, api = played
    status, body = said(aws, api, "/v1/elsewhere")
    assert (status, "runs no function code" in body) == (501, True)


def test_an_http_api_answers_too(played: tuple[EmbeddedAws, str]) -> None:
    aws, _ = played
    api = http_api(aws, FUNCTION, f"GET {HEALTH}")
    assert said(aws, api, HEALTH, "$default") == (200, '{"status": "ok"}')
    assert said(aws, api, "/nothing", "$default") == (404, '{"message": "Not Found"}')
    assert said(aws, api, HEALTH, "other") == (403, '{"message": "Forbidden"}')
    catching = http_api(aws, FUNCTION, "$default")
    assert said(aws, catching, HEALTH, "$default")[0] == 200


def test_what_is_not_there_is_refused_as_aws_does(played: tuple[EmbeddedAws, str]) -> None:
    aws, _ = played
    api = rest_api(aws, FUNCTION, ("GET", HEALTH))
    assert said(aws, "nosuchapi", HEALTH) == (403, '{"message": "Forbidden"}')
    assert said(aws, api, HEALTH, "other") == (403, '{"message": "Forbidden"}')
    assert said(aws, api, "/nothing") == (403, '{"message": "Missing Authentication Token"}')
    assert judge(asked(aws, api, "/nothing")).text == "answers 403: no such path?"


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"failing": 1.0}, 502),
        ({"failing": 0.2}, 200),
        ({"invocable": False}, 500),
        ({"answers_5xx": 1.0}, 503),
        ({"http_ms": 90_000.0, "timeout_s": 120.0, "arrival_per_s": 1.0}, 504),
        ({"client_error_share": 1.0}, 200),
        ({"throttle_rate": 0.01, "throttle_burst": 0.0}, 429),
    ],
)
def test_a_health_route_answers_as_most_requests_of_late(
    played: tuple[EmbeddedAws, str], values: dict[str, Any], status: int
) -> None:
    aws, api = played
    live = aws.planes.live
    before = live.world.parts["validateToken"]
    live.world.change("validateToken", values)
    try:
        live.tick(600)
        document = asked(aws, api, HEALTH)
    finally:
        live.world.change("validateToken", {name: getattr(before, name) for name in values})
        live.tick(600)
    assert document["status"] == status
    assert document["latency_ms"] < 5000


def test_where_no_request_came_the_route_answers() -> None:
    model = ApiModel(Random(1))
    assert model.usual_status() == 200
    model.minutes = {0: ApiMinute(statuses={502: 5}), 9: ApiMinute()}
    assert model.usual_status() == 200
    model.minutes[8] = ApiMinute(statuses={502: 5, 200: 4})
    assert model.usual_status() == 502


def test_a_minute_that_has_just_begun_does_not_speak_for_the_last_ones() -> None:
    model = ApiModel(Random(1))
    model.minutes = {8: ApiMinute(statuses={200: 80, 502: 20}), 9: ApiMinute(statuses={502: 1})}
    assert model.usual_status() == 200


# moto keeps its state per process: from here on each test has an AWS of its own, and the shared one is empty.


def test_a_function_switched_off_or_gone_is_500_at_once(embedded_aws: EmbeddedAws) -> None:
    stage.play(embedded_aws.planes, find("healthy"), 3)
    api = rest_api(embedded_aws, FUNCTION, ("GET", HEALTH))
    functions = embedded_aws.client("lambda")
    functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=0)
    assert said(embedded_aws, api, HEALTH) == (500, '{"message": "Internal server error"}')
    functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=50)
    assert said(embedded_aws, api, HEALTH)[0] == 200
    functions.delete_function(FunctionName=FUNCTION)
    assert said(embedded_aws, api, HEALTH)[0] == 500


def test_without_a_played_world_a_function_gives_no_answer(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.function("plain")
    api = rest_api(embedded_aws, "plain", ("GET", HEALTH))
    assert said(embedded_aws, api, HEALTH) == (502, '{"message": "Internal server error"}')
    assert said(embedded_aws, rest_api(embedded_aws, "nosuch", ("GET", "/x")), "/x")[0] == 500
