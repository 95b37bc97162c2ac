"""Makes a worker's API as its manifest says: routes, a deployed stage, the right to invoke."""

from collections.abc import Iterator
from typing import Any

from opskit.inventory.worker import Worker
from opskit.sandbox.calls import Calls
from opskit.sandbox.front import ACCOUNT

INVOKE, API_GATEWAY = "lambda:InvokeFunction", "apigateway.amazonaws.com"
"""What lets an API call a function, and who it is that calls."""
Route = tuple[str, str]
"""Method and path."""


def rest(aws: Calls, worker: Worker, function_arn: str, region: str) -> str:
    """Make a REST API with its routes, deployment and stage; return its id."""
    api = str(aws("apigateway", "CreateRestApi", name=worker.sources[0].name)["id"])
    root = aws("apigateway", "GetResources", restApiId=api)["items"][0]["id"]
    made = {"/": str(root)}
    invoke = f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function_arn}/invocations"
    for method, path in routes(worker):
        at = {"restApiId": api, "resourceId": _resource(aws, api, path, made), "httpMethod": method}
        aws("apigateway", "PutMethod", **at, authorizationType="NONE")
        aws(
            "apigateway",
            "PutIntegration",
            **at,
            type="AWS_PROXY",
            integrationHttpMethod="POST",
            uri=invoke,
            timeoutInMillis=worker.expected["integration_timeout_ms"],
        )
    deployment = aws("apigateway", "CreateDeployment", restApiId=api)["id"]
    stage = worker.expected["stage"]
    aws("apigateway", "CreateStage", restApiId=api, stageName=stage, deploymentId=deployment)
    return api


def http(aws: Calls, worker: Worker, function_arn: str) -> str:
    """Make an HTTP API with its routes and a stage that deploys by itself; return its id."""
    api = str(aws("apigatewayv2", "CreateApi", Name=worker.sources[0].name, ProtocolType="HTTP")["ApiId"])
    made = aws(
        "apigatewayv2",
        "CreateIntegration",
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=function_arn,
        PayloadFormatVersion="2.0",
        TimeoutInMillis=worker.expected["integration_timeout_ms"],
    )
    target = f"integrations/{made['IntegrationId']}"
    for method, path in routes(worker):
        aws("apigatewayv2", "CreateRoute", ApiId=api, RouteKey=f"{method} {path}", Target=target)
    aws("apigatewayv2", "CreateStage", ApiId=api, StageName=worker.expected["stage"], AutoDeploy=True)
    return api


def routes(worker: Worker) -> Iterator[Route]:
    """Yield what the manifest has the API call the worker for: its own route, and the one of its health."""
    own = (worker.expected["method"], worker.expected["path"])
    yield own
    health = worker.expected.get("health_path")
    if health and ("GET", health) != own:
        yield "GET", health


def _resource(aws: Calls, api: str, path: str, made: dict[str, str]) -> str:
    """Return the id of a path's resource; it and those above it are made where there are none yet."""
    path = path.rstrip("/") or "/"
    if path not in made:
        above, _, part = path.rpartition("/")
        parent = _resource(aws, api, above, made)
        new = aws("apigateway", "CreateResource", restApiId=api, parentId=parent, pathPart=part)
        made[path] = str(new["id"])
    return made[path]


def permit(aws: Calls, worker: Worker, api: str, region: str) -> None:
    """Let the API invoke the function, or the alias that it is invoked by."""
    alias: dict[str, Any] = {"Qualifier": worker.alias} if worker.alias else {}
    aws(
        "lambda",
        "AddPermission",
        FunctionName=worker.function,
        StatementId="invoked-by-api",
        Action=INVOKE,
        Principal=API_GATEWAY,
        SourceArn=f"arn:aws:execute-api:{region}:{ACCOUNT}:{api}/*",
        **alias,
    )
