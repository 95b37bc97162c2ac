"""AWS calls that the sandbox makes itself: through its own front, in this process, without HTTP.

What AWS would refuse is refused here too. Nobody is told of these calls: they set a stage.
"""

from functools import cache
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.exceptions import ClientError
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.utils import get_service_model
from werkzeug.test import EnvironBuilder, run_wsgi_app

from opskit.sandbox.planes import Planes
from opskit.sandbox.watch import OWN


class Calls:
    """Makes calls to the AWS that serves `planes`, in one region."""

    def __init__(self, planes: Planes, region: str) -> None:
        self._planes = planes
        self._region = region

    def __call__(self, service: str, action: str, **params: Any) -> dict[str, Any]:
        """Return a call's answer as its service's model has it; raises ClientError, ParamValidationError."""
        model = _model(service)
        operation = model.operation_model(action)
        request = create_serializer(model.resolved_protocol).serialize_to_request(params, operation)
        prepare_request_dict(request, endpoint_url=self._planes.endpoint)
        body, status, headers = run_wsgi_app(self._planes.app, self._environ(model, request), buffered=True)
        answer = {
            "status_code": int(status.split()[0]),
            "headers": HeadersDict(headers.items()),
            "body": b"".join(body),
        }
        parsed: dict[str, Any] = create_parser(model.resolved_protocol).parse(answer, operation.output_shape)
        if "Error" in parsed:
            raise ClientError(parsed, action)
        return parsed

    def _environ(self, model: ServiceModel, request: dict[str, Any]) -> dict[str, Any]:
        prepared = create_request_object(request).prepare()
        url = urlsplit(prepared.url)
        scope = f"sandbox/20000101/{self._region}/{model.signing_name}/aws4_request"
        builder = EnvironBuilder(
            path=url.path,
            base_url=f"{url.scheme}://{url.netloc}",
            query_string=url.query,
            method=prepared.method,
            headers=[*prepared.headers.items(), ("Authorization", f"AWS4-HMAC-SHA256 Credential={scope}")],
            data=prepared.body or b"",
        )
        return {**builder.get_environ(), OWN: True}


@cache
def _model(service: str) -> ServiceModel:
    """Return the service's model, which keeps what it has looked up."""
    return get_service_model(service)
