"""Service Quotas: Lambda's concurrency is the account's limit; moto knows the quotas of VPC only."""

from collections.abc import Mapping
from typing import Any

from moto.servicequotas.models import servicequotas_backends

from opskit.sandbox.control.account import Concurrency
from opskit.sandbox.control.common import moto_refusals
from opskit.sandbox.front import Call, Handlers, RefusedError

CONCURRENT_EXECUTIONS = "L-B99A9384"


class Quotas:
    """The quotas of an account."""

    def __init__(self, concurrency: Concurrency) -> None:
        self._concurrency = concurrency

    def handlers(self) -> Handlers:
        """Return the operation that moto answers for VPC only."""
        return {("service-quotas", "GetServiceQuota"): self.get}

    def get(self, call: Call) -> Mapping[str, Any]:
        """GetServiceQuota."""
        service, code = call.params["ServiceCode"], call.params["QuotaCode"]
        if (service, code) == ("lambda", CONCURRENT_EXECUTIONS):
            return {"Quota": self._concurrent_executions(call)}
        if service == "lambda":
            raise RefusedError("NotImplemented", f"the embedded AWS knows no quota {code} of lambda", 501)
        with moto_refusals():
            return {
                "Quota": servicequotas_backends[call.account][call.region].get_service_quota(service, code)
            }

    def _concurrent_executions(self, call: Call) -> dict[str, Any]:
        return {
            "ServiceCode": "lambda",
            "ServiceName": "AWS Lambda",
            "QuotaArn": f"arn:aws:servicequotas:{call.region}:{call.account}:lambda/{CONCURRENT_EXECUTIONS}",
            "QuotaCode": CONCURRENT_EXECUTIONS,
            "QuotaName": "Concurrent executions",
            "Value": float(self._concurrency.limit(call)),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }
