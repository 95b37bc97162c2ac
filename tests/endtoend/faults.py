"""The eight faults, as they happen in an account: each to one worker, after all have worked for a while."""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from faults import FaultProxy, Rule

from endtoend.deploy import RIGHTS, Deployment, without
from endtoend.fleet import Member
from endtoend.outside import Outside
from endtoend.traffic import Traffic

THROTTLED: Rule = {
    "service": "dynamodb",
    "operation": "UpdateItem",
    "error": {
        "code": "ProvisionedThroughputExceededException",
        "status": 400,
        "message": "The level of configured provisioned throughput for the table was exceeded.",
    },
}
"""ministack never throttles: a proxy before it refuses the writes, as the table would."""
OFTEN = 8
"""More than five errors in five minutes are critical."""
SMALL_MB = 40
"""Enough to start in, and too little to work in. Lambda gives 128 at least, and the workers need less."""
BROKEN_MODULE = "score_users/model.py"


class Faults:
    """Breaks the workers of a deployed fleet; `began` says when each fault came, in epoch seconds."""

    def __init__(
        self,
        deployment: Deployment,
        fleet: Mapping[str, Member],
        traffic: Traffic,
        outside: Outside,
        proxy: FaultProxy,
    ) -> None:
        self._deployment = deployment
        self._fleet = fleet
        self._traffic = traffic
        self._outside = outside
        self._proxy = proxy
        self.began: dict[str, float] = {}

    def begin(self, folder: Path) -> None:
        """Let all of them happen at once."""
        lambdas = self._deployment.client("lambda")
        happen: dict[str, Callable[[Member], object]] = {
            "poison record": self._traffic.poison,
            "missing table": lambda one: self._deployment.client("dynamodb").delete_table(
                TableName=one.table
            ),
            "mapping disabled": lambda one: lambdas.update_event_source_mapping(
                UUID=self._deployment.mappings[one.name], Enabled=False
            ),
            "bad deploy": lambda one: self._deploy_broken(one, folder / "broken.zip"),
            "throttled table": lambda _: self._proxy.set_rules(THROTTLED),
            "slow external API": lambda _: self._outside.slow.set(),
            "memory too small": self._shrink,
            "revoked right": lambda one: self._deployment.allow(
                one, *(right for right in RIGHTS if not right.startswith("sns:"))
            ),
        }
        for fault, break_ in happen.items():
            break_(self._fleet[fault])
            self.began[fault] = time.time()

    def have_shown(self) -> bool:
        """Tell whether each worker whose batches fail has failed often; a slow machine takes longer."""
        began = min(self.began.values())
        failed = Counter(function for at_s, function in self._deployment.aws.failures() if at_s > began)
        failing = [member for fault, member in self._fleet.items() if fault != "mapping disabled"]
        return all(failed[member.worker.function] >= OFTEN for member in failing)

    def _shrink(self, member: Member) -> None:
        """Give a function's processes less memory than it takes to handle a batch."""
        lambdas, function = self._deployment.client("lambda"), member.worker.function
        before = lambdas.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
        environment = {"Variables": {**before, "AROUND_MEMORY_MB": str(SMALL_MB)}}
        lambdas.update_function_configuration(FunctionName=function, Environment=environment)

    def _deploy_broken(self, member: Member, into: Path) -> None:
        """Deploy a package in which a module of the worker is missing, as after a wrong build."""
        module = f"workers/{BROKEN_MODULE}"
        broken = without(self._deployment.codes[member.original], module, into)
        self._deployment.client("lambda").update_function_code(
            FunctionName=member.worker.function, ZipFile=broken.read_bytes()
        )
