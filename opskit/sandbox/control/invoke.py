"""Lambda's Invoke: who may be invoked. No code runs here: an invocation answers with its own payload."""

from collections.abc import Mapping
from typing import Any

from opskit.sandbox.control.functions import Functions
from opskit.sandbox.front import Call, Handlers, RefusedError

_WITHOUT_PAYLOAD = {"DryRun": 204, "Event": 202}


class Invocations:
    """Invocations of functions that exist and are not switched off."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions

    def handlers(self) -> Handlers:
        """Return the Invoke operation."""
        return {("lambda", "Invoke"): self.invoke}

    def invoke(self, call: Call) -> Mapping[str, Any]:
        """Invoke: 404 for an unknown function, TooManyRequestsException if its reserved concurrency is 0."""
        function = self._functions.find(call)
        if function.reserved_concurrency == 0:
            reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
            raise RefusedError("TooManyRequestsException", "Rate Exceeded.", 429, Reason=reason, Type="User")
        status = _WITHOUT_PAYLOAD.get(call.params.get("InvocationType", ""))
        if status:
            return {"StatusCode": status}
        payload = call.params.get("Payload") or b"null"
        return {"StatusCode": 200, "Payload": payload, "ExecutedVersion": str(function.version)}
