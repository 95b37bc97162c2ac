"""Lambda functions: moto keeps them, this adds what moto forgets and refuses what AWS refuses.

What moto has no field for stands beside its function object, so that a published version, which moto
makes by copying the function, keeps it too.
"""

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from moto.awslambda.utils import get_backend

from opskit.sandbox.control.common import (
    check_ranges,
    function_name,
    iso,
    limited,
    model_ranges,
    moto_refusals,
    page,
)
from opskit.sandbox.front import Call, Handlers, RefusedError

PAGE = 50
"""Functions in one answer, whatever MaxItems asks."""

KEPT = (
    "DeadLetterConfig",
    "EphemeralStorage",
    "FileSystemConfigs",
    "KMSKeyArn",
    "LoggingConfig",
    "SnapStart",
    "TracingConfig",
)
"""Settings that moto drops, at the latest when a function is updated."""

_PARTS: Mapping[str, Mapping[str, Any]] = {
    "Environment": {"Variables": {}},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
}
"""What moto takes for granted in these settings, and AWS does not."""

SETTABLE = frozenset(
    {
        "LastModified",
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "RuntimeVersionConfig",
        "CodeSha256",
    }
)
"""What the admin route may set on a function; no AWS call can."""

_RANGED = ("Timeout", "MemorySize")
_STALE = (
    "The Revision Id provided does not match the latest Revision Id. "
    "Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
)


class Functions:
    """The functions of every region."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def handlers(self) -> Handlers:
        """Return the operations on functions that moto gets wrong."""
        return {
            ("lambda", "CreateFunction"): self.create,
            ("lambda", "GetFunction"): self.get,
            ("lambda", "GetFunctionConfiguration"): self.get_configuration,
            ("lambda", "ListFunctions"): self.list,
            ("lambda", "ListVersionsByFunction"): self.list_versions,
            ("lambda", "PublishVersion"): self.publish,
            ("lambda", "UpdateFunctionConfiguration"): self.update_configuration,
            ("lambda", "UpdateFunctionCode"): self.update_code,
        }

    def find(self, call: Call) -> Any:
        """Return moto's object of the call's function; ResourceNotFoundException if there is none."""
        name = function_name(call)
        with moto_refusals():
            return get_backend(call.account, call.region).get_function(name.name, name.qualifier)

    def all(self, call: Call) -> list[Any]:
        """Return moto's objects of the region's functions, unpublished versions only, by name."""
        found = get_backend(call.account, call.region).list_functions()
        return sorted(found, key=lambda function: str(function.function_name))

    def create(self, call: Call) -> Mapping[str, Any]:
        """CreateFunction."""
        spec = _wire(call.params)
        check_ranges(spec, model_ranges(*_RANGED))
        backend = get_backend(call.account, call.region)
        name = function_name(call).name
        if any(name == function.function_name for function in backend.list_functions()):
            raise RefusedError("ResourceConflictException", f"Function already exist: {name}", 409)
        with moto_refusals():
            created = backend.create_function({**spec, "FunctionName": name})
            function = backend.get_function(name)
        self._changed(function, spec)
        return self._configuration(function, version=str(created.version))

    def get(self, call: Call) -> Mapping[str, Any]:
        """GetFunction."""
        function = self.find(call)
        answer = {**function.get_code(), "Configuration": self.get_configuration(call)}
        if function.reserved_concurrency is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
        return answer

    def get_configuration(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionConfiguration."""
        function = self.find(call)
        configuration = self._configuration(function)
        qualifier = function_name(call).qualifier
        if qualifier == "$LATEST":
            configuration["FunctionArn"] += ":$LATEST"
        return configuration

    def list(self, call: Call) -> Mapping[str, Any]:
        """ListFunctions: at most 50 to a page."""
        if call.params.get("FunctionVersion") == "ALL":
            functions = list(get_backend(call.account, call.region).list_functions("ALL"))
        else:
            functions = self.all(call)
        size = limited(call.params.get("MaxItems"), PAGE)
        rows, marker = page(functions, call.params.get("Marker"), size)
        answer: dict[str, Any] = {"Functions": [self._configuration(row) for row in rows]}
        return {**answer, "NextMarker": marker} if marker else answer

    def list_versions(self, call: Call) -> Mapping[str, Any]:
        """ListVersionsByFunction: at most 50 to a page."""
        name = self.find(call).function_name
        versions = list(get_backend(call.account, call.region).list_versions_by_function(name))
        size = limited(call.params.get("MaxItems"), PAGE)
        rows, marker = page(versions, call.params.get("Marker"), size)
        answer: dict[str, Any] = {"Versions": [self._configuration(row) for row in rows]}
        return {**answer, "NextMarker": marker} if marker else answer

    def publish(self, call: Call) -> Mapping[str, Any]:
        """PublishVersion."""
        self._check_revision(call)
        name = self.find(call).function_name
        with moto_refusals():
            backend = get_backend(call.account, call.region)
            version = backend.publish_version(name, call.params.get("Description", ""))
        # moto writes it with nanoseconds, which no client of Lambda has seen.
        version.last_modified = iso(datetime.fromisoformat(version.last_modified).timestamp())
        return self._configuration(version)

    def update_configuration(self, call: Call) -> Mapping[str, Any]:
        """UpdateFunctionConfiguration, with RevisionId as its guard."""
        check_ranges(call.params, model_ranges(*_RANGED))
        self._check_revision(call)
        function = self.find(call)
        with moto_refusals():
            function.update_configuration(_wire(call.params))
        self._changed(function, call.params)
        return self._configuration(function)

    def update_code(self, call: Call) -> Mapping[str, Any]:
        """UpdateFunctionCode, with RevisionId as its guard."""
        self._check_revision(call)
        function = self.find(call)
        if call.params.get("DryRun"):
            return self._configuration(function)
        with moto_refusals():
            function.update_function_code(_wire(call.params))
        self._changed(function, {})
        if call.params.get("Publish"):
            return self.publish(
                Call(
                    call.service,
                    "PublishVersion",
                    {"FunctionName": function.function_name},
                    call.region,
                    call.host,
                    call.account,
                )
            )
        return self._configuration(function)

    def set(self, call: Call, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Set what only the admin route can (SETTABLE; LastModified in epoch seconds)."""
        unknown = sorted(set(changes) - SETTABLE)
        if unknown:
            raise RefusedError(
                "ValidationException",
                f"not settable: {', '.join(unknown)}; settable: {', '.join(sorted(SETTABLE))}",
            )
        function = self.find(call)
        extras = dict(changes)
        if "LastModified" in extras:
            function.last_modified = iso(extras.pop("LastModified"))
        _put_extras(function, extras)
        return self._configuration(function)

    def _check_revision(self, call: Call) -> None:
        revision = call.params.get("RevisionId")
        if revision and revision != _extras(self.find(call)).get("RevisionId"):
            raise RefusedError("PreconditionFailedException", _STALE, 412)

    def _changed(self, function: Any, params: Mapping[str, Any]) -> None:
        """Note a write: a new revision, modified now, and what moto dropped of it kept."""
        function.last_modified = iso(self._now())
        kept = {name: params[name] for name in KEPT if name in params}
        if "LoggingConfig" in kept:
            kept["LoggingConfig"] = _logging(function, kept["LoggingConfig"])
        _put_extras(function, {**kept, "RevisionId": str(uuid.uuid4())})

    @staticmethod
    def _configuration(function: Any, version: str = "") -> dict[str, Any]:
        configuration = function.get_configuration()
        configuration.setdefault("LastUpdateStatus", "Successful")
        configuration["LoggingConfig"] = _logging(function, {})
        configuration.update(_extras(function))
        configuration["SnapStart"] = {**configuration["SnapStart"], "OptimizationStatus": "Off"}
        if version:
            configuration["Version"] = version
        return {name: value for name, value in configuration.items() if value is not None}


def _logging(function: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return a function's log configuration with AWS's defaults in it."""
    configuration = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.function_name}", **asked}
    if configuration["LogFormat"] == "JSON":
        return {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **configuration}
    return configuration


def _wire(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the input as moto wants it: as it stood in the request, blobs in base64."""
    wire = json.loads(json.dumps(params, default=lambda blob: base64.b64encode(blob).decode()))
    return {
        name: {**_PARTS.get(name, {}), **value} if name in _PARTS else value for name, value in wire.items()
    }


def _extras(function: Any) -> Mapping[str, Any]:
    return getattr(function, "opskit_extras", {})


def _put_extras(function: Any, changes: Mapping[str, Any]) -> None:
    # A new dict each time: versions copied from this function share the old one.
    function.opskit_extras = {**_extras(function), **changes}
