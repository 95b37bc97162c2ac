"""Faults between a client and an endpoint: microburst, in this process, on a free port.

microburst takes the name boto3 knows a service by: `cloudwatch`, not its signing name `monitoring`.
"""

import asyncio
import threading
from collections.abc import Iterable
from typing import Any, Self

from aiohttp import web
from microburst.app import make_app
from microburst.core.pipeline import Microburst
from microburst.detection import host

from opskit.aws.faults import iam_action

# A Host header of 127.0.0.1 names no service, yet microburst would read every service model (3 s) to see.
host._endpoint_prefix_map = dict

Rule = dict[str, Any]


def _rule(service: str, action: str, **fault: Any) -> Rule:
    where = {"service": service or None, "operation": action or None}
    return {key: value for key, value in where.items() if value} | fault


def denied(service: str, action: str) -> Rule:
    """Every such call is denied; "" stands for any service or action."""
    right = iam_action(service, action) if action else f"{service}:"
    message = f"User: arn:aws:iam::123456789012:user/oncall is not authorized to perform: {right}"
    code = "AccessDenied" if service == "sts" else "AccessDeniedException"
    return _rule(service, action, error={"code": code, "status": 403, "message": message})


def throttled(service: str = "", action: str = "", every: int = 3) -> Rule:
    """The first of every `every` such calls is throttled; 1: all of them."""
    error = {"code": "ThrottlingException", "status": 400, "message": "Rate exceeded"}
    return _rule(service, action, error=error, **({"sequence": [1, every - 1]} if every > 1 else {}))


def expired(service: str = "", action: str = "") -> Rule:
    """Credentials have expired."""
    message = "The security token included in the request is expired"
    return _rule(service, action, error={"code": "ExpiredTokenException", "status": 403, "message": message})


def slow(seconds: float, service: str = "", action: str = "") -> Rule:
    """Every such call waits so long before it goes on."""
    return _rule(service, action, latency={"min": seconds * 1000, "max": seconds * 1000})


def reset(service: str = "", action: str = "", times: int | None = None) -> Rule:
    """The connection is reset, the first `times` calls only if given."""
    return _rule(service, action, reset=True, **({"times": times} if times else {}))


class FaultProxy:
    """A proxy before `upstream`; the first rule that fits a call decides. Use it with `with`.

    `endpoint` is its URL, `fired` lists (service, action, fault) of the faults so far. `resign` signs each
    call anew with this process's credentials, for an upstream that checks signatures.
    """

    def __init__(self, upstream: str, rules: Iterable[Rule] = (), *, resign: bool = False) -> None:
        self._burst = Microburst(upstream, rules=list(rules), resign=resign)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.endpoint = ""

    @property
    def fired(self) -> list[tuple[str, str, str]]:
        return [(event.service, event.operation, event.action) for event in self._burst.fired]

    @property
    def fired_at(self) -> list[float]:
        """When they fired, in epoch seconds; the newest 2,000."""
        return [event.ts for event in self._burst.fired]

    def set_rules(self, *rules: Rule) -> None:
        """Replace the rules of a running proxy."""
        self._burst.engine.set_rules(list(rules))

    def __enter__(self) -> Self:
        self._thread.start()
        self._runner, port = self._await(self._serve())
        self.endpoint = f"http://127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        self._await(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _await(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _end(self) -> None:
        await self._runner.cleanup()
        waiting = asyncio.all_tasks() - {asyncio.current_task()}  # for whoever was killed meanwhile
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def _serve(self) -> tuple[web.AppRunner, int]:
        runner = web.AppRunner(make_app(self._burst), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return runner, runner.addresses[0][1]
