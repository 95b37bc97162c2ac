"""Lambda's concurrency: the account's limit, what is reserved of it, what is provisioned."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from opskit.sandbox.control.common import (
    FunctionName,
    function_arn,
    function_name,
    iso,
    limited,
    page,
    regional,
)
from opskit.sandbox.control.functions import Functions
from opskit.sandbox.front import Call, Handlers, RefusedError

LEAST_UNRESERVED = 100
"""What must stay unreserved in a region."""

SETTLE_S = 1.0
"""How long provisioned concurrency takes to be ready here; AWS takes minutes."""

_CODE_LIMITS = {
    "TotalCodeSize": 75 * 1024**3,
    "CodeSizeUnzipped": 250 * 1024**2,
    "CodeSizeZipped": 50 * 1024**2,
}
_TOO_MUCH = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
    f"below its minimum value of [{LEAST_UNRESERVED}]."
)
_NOT_VERSIONED = "Provisioned Concurrency Configs cannot be applied to unpublished function versions."


@dataclass(slots=True)
class Provisioned:
    """The provisioned concurrency of one version or alias."""

    requested: int
    at_s: float
    status: str = ""
    """Set by the admin route; otherwise IN_PROGRESS until it has settled, then READY."""
    reason: str = ""


class Concurrency:
    """Reserved and provisioned concurrency and the account's limit, each region by itself."""

    def __init__(self, now: Callable[[], float], functions: Functions) -> None:
        self._now = now
        self._functions = functions
        self._limits: defaultdict[tuple[str, str], int] = defaultdict(lambda: 1000)
        self._provisioned: dict[str, Provisioned] = {}
        self._recursion: dict[str, str] = {}

    def handlers(self) -> Handlers:
        """Return the operations that moto lacks or does not check."""
        return {
            ("lambda", "GetAccountSettings"): self.settings,
            ("lambda", "GetFunctionConcurrency"): self.get_reserved,
            ("lambda", "PutFunctionConcurrency"): self.put_reserved,
            ("lambda", "DeleteFunctionConcurrency"): self.delete_reserved,
            ("lambda", "GetProvisionedConcurrencyConfig"): self.get_provisioned,
            ("lambda", "PutProvisionedConcurrencyConfig"): self.put_provisioned,
            ("lambda", "DeleteProvisionedConcurrencyConfig"): self.delete_provisioned,
            ("lambda", "ListProvisionedConcurrencyConfigs"): self.list_provisioned,
            ("lambda", "GetFunctionRecursionConfig"): self.get_recursion,
            ("lambda", "PutFunctionRecursionConfig"): self.put_recursion,
        }

    def limit(self, call: Call) -> int:
        """Return the concurrent executions that the region may have."""
        return self._limits[regional(call)]

    def set_limit(self, call: Call, concurrent_executions: int) -> Mapping[str, Any]:
        """Set the region's limit; only the admin route can."""
        self._limits[regional(call)] = concurrent_executions
        return self.settings(call)

    def settings(self, call: Call) -> Mapping[str, Any]:
        """GetAccountSettings."""
        functions = self._functions.all(call)
        reserved = sum(function.reserved_concurrency or 0 for function in functions)
        limit = self.limit(call)
        executions = {"ConcurrentExecutions": limit, "UnreservedConcurrentExecutions": limit - reserved}
        code_bytes = sum(function.code_size for function in functions)
        return {
            "AccountLimit": {**_CODE_LIMITS, **executions},
            "AccountUsage": {"FunctionCount": len(functions), "TotalCodeSize": code_bytes},
        }

    def get_reserved(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionConcurrency: nothing if unreserved, 0 if switched off."""
        reserved = self._functions.find(call).reserved_concurrency
        return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}

    def put_reserved(self, call: Call) -> Mapping[str, Any]:
        """PutFunctionConcurrency: at least 100 stay unreserved."""
        function = self._functions.find(call)
        asked = call.params["ReservedConcurrentExecutions"]
        others = sum(
            other.reserved_concurrency or 0
            for other in self._functions.all(call)
            if other.function_name != function.function_name
        )
        if asked and self.limit(call) - others - asked < LEAST_UNRESERVED:
            raise RefusedError("InvalidParameterValueException", _TOO_MUCH)
        function.reserved_concurrency = asked
        return {"ReservedConcurrentExecutions": asked}

    def delete_reserved(self, call: Call) -> Mapping[str, Any]:
        """DeleteFunctionConcurrency."""
        self._functions.find(call).reserved_concurrency = None
        return {}

    def get_provisioned(self, call: Call) -> Mapping[str, Any]:
        """GetProvisionedConcurrencyConfig."""
        found = self._provisioned.get(self._versioned(call))
        if not found:
            problem = f"No Provisioned Concurrency Config found for this function: {self._versioned(call)}"
            raise RefusedError("ProvisionedConcurrencyConfigNotFoundException", problem, 404)
        return self._described(found)

    def put_provisioned(self, call: Call) -> Mapping[str, Any]:
        """PutProvisionedConcurrencyConfig: for a version or an alias."""
        self._functions.find(call)
        asked = Provisioned(call.params["ProvisionedConcurrentExecutions"], self._now())
        self._provisioned[self._versioned(call)] = asked
        return self._described(asked)

    def delete_provisioned(self, call: Call) -> Mapping[str, Any]:
        """DeleteProvisionedConcurrencyConfig."""
        self.get_provisioned(call)
        del self._provisioned[self._versioned(call)]
        return {}

    def list_provisioned(self, call: Call) -> Mapping[str, Any]:
        """ListProvisionedConcurrencyConfigs: at most 50 to a page."""
        self._functions.find(call)
        prefix = function_arn(call, FunctionName(function_name(call).name)) + ":"
        found = [(arn, config) for arn, config in self._provisioned.items() if arn.startswith(prefix)]
        rows, marker = page(found, call.params.get("Marker"), limited(call.params.get("MaxItems"), 50))
        configs = [{"FunctionArn": arn, **self._described(config)} for arn, config in rows]
        answer: dict[str, Any] = {"ProvisionedConcurrencyConfigs": configs}
        return {**answer, "NextMarker": marker} if marker else answer

    def set_provisioned(self, call: Call, status: str, reason: str) -> Mapping[str, Any]:
        """Set a provisioned concurrency's status and reason; only the admin route can."""
        self.get_provisioned(call)
        found = self._provisioned[self._versioned(call)]
        found.status, found.reason = status, reason
        return self._described(found)

    def shift(self, seconds: float) -> None:
        """Let every change be `seconds` longer ago."""
        for config in self._provisioned.values():
            config.at_s -= seconds

    def get_recursion(self, call: Call) -> Mapping[str, Any]:
        """GetFunctionRecursionConfig: loops are stopped unless allowed."""
        arn = self._functions.find(call).function_arn
        return {"RecursiveLoop": self._recursion.get(arn, "Terminate")}

    def put_recursion(self, call: Call) -> Mapping[str, Any]:
        """PutFunctionRecursionConfig."""
        arn = self._functions.find(call).function_arn
        self._recursion[arn] = call.params["RecursiveLoop"]
        return {"RecursiveLoop": self._recursion[arn]}

    @staticmethod
    def _versioned(call: Call) -> str:
        name = function_name(call)
        if name.qualifier in (None, "$LATEST"):
            raise RefusedError("InvalidParameterValueException", _NOT_VERSIONED)
        return function_arn(call, name)

    def _described(self, config: Provisioned) -> dict[str, Any]:
        settled = "READY" if self._now() - config.at_s >= SETTLE_S else "IN_PROGRESS"
        status = config.status or settled
        ready = config.requested if status == "READY" else 0
        answer = {
            "RequestedProvisionedConcurrentExecutions": config.requested,
            "AvailableProvisionedConcurrentExecutions": ready,
            "AllocatedProvisionedConcurrentExecutions": ready,
            "Status": status,
            "LastModified": iso(config.at_s),
        }
        return {**answer, "StatusReason": config.reason} if config.reason else answer
