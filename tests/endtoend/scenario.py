"""One run: everybody at work, then eight faults at once, then all of it in the telemetry plane."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults import FaultProxy

from endtoend import faults, fleet, forward
from endtoend.deploy import Code, Deployment
from endtoend.fleet import Member
from endtoend.forward import Clock, Invocation, Plane
from endtoend.ministack import Ministack
from endtoend.names import variables
from endtoend.outside import Outside
from endtoend.tokens import Tokens
from endtoend.traffic import Traffic

CATCH_UP_S, WELL_S = 15, 10
"""Once each has worked, all get so long to catch up, and then so long until the rest breaks."""
MOST_S = 300
"""How long to wait for anything."""
BROKEN_S = 215
"""How long the faults last at least. A lag of 120 s is critical, and its age is seen at a retry, which comes
later the longer a batch has failed. The poisoned record comes even earlier."""
FOLLOWED = "followed-through-the-workers"
"""The correlation id of a request."""


@dataclass(frozen=True)
class Played:
    """A run that has ended; ministack still answers."""

    aws: Ministack
    deployment: Deployment
    members: Mapping[str, Member]
    """By name."""
    folder: Path
    clock: Clock
    invocations: Mapping[str, list[Invocation]]
    """By worker."""

    def of(self, fault: str) -> Member:
        return next(member for member in self.members.values() if member.fault == fault)


@contextlib.contextmanager
def played(folder: Path, codes: Mapping[str, Code], logs: Any, cloudwatch: Any) -> Iterator[Played]:
    """Play the run and put what it told into the plane that `logs` and `cloudwatch` are clients of."""
    members = fleet.write(folder / "workers")
    by_fault = {member.fault: member for member in members if member.fault}
    tokens = Tokens()
    with contextlib.ExitStack() as stack:
        aws = stack.enter_context(Ministack(folder))
        outside = stack.enter_context(Outside(tokens.keys))
        proxy = stack.enter_context(FaultProxy(aws.endpoint, resign=True))
        deployment = Deployment(aws, codes)
        for member in members:
            deployment.deploy(member, variables(member, outside.url, proxy.endpoint))
        traffic = Traffic(deployment, members, tokens.valid)
        broken = faults.Faults(deployment, by_fault, traffic, outside, proxy)
        clock = _run(traffic, broken, folder)
        table = by_fault["throttled table"].table
        for at_s in proxy.fired_at:
            traffic.measured.add("AWS/DynamoDB", "WriteThrottleEvents", ("TableName", table), at_s, 1.0)
        plane = Plane(logs, cloudwatch, clock)
        seen = dict(_forwarded(plane, deployment, members))
        plane.put_metrics(traffic.measured.data)
        yield Played(aws, deployment, {one.name: one for one in members}, folder, clock, seen)


def _until(done: Callable[[], bool], act: Callable[[], object]) -> None:
    """Act once a second until it is done; a machine with much to do takes its time to start processes."""
    began = time.time()
    for second in itertools.count(1):
        act()
        if done():
            return
        assert time.time() < began + MOST_S, "not everything has worked"
        time.sleep(max(0.0, began + second - time.time()))


def _run(traffic: Traffic, broken: faults.Faults, folder: Path) -> Clock:
    """Warm everybody up, let all work, break them, and send until that has shown.

    The run begins when what waited for the first processes is done.
    """
    _until(traffic.all_have_worked, traffic.tick)
    broken.poison()
    _for(CATCH_UP_S, traffic.tick)
    began = time.time()
    _until(lambda: traffic.follow(FOLLOWED), traffic.tick)
    _for(WELL_S, traffic.tick)
    broken.begin(folder)
    _for(BROKEN_S, traffic.tick)
    _until(broken.have_shown, traffic.tick)
    ends = -(-time.time() // 60) * 60
    _for(ends - time.time(), traffic.tick)
    return Clock(began, int(ends))


def _for(seconds: float, act: Callable[[], object]) -> None:
    """Act once a second for so long."""
    ends = time.time() + seconds
    _until(lambda: time.time() >= ends, act)


def _forwarded(
    plane: Plane, deployment: Deployment, members: tuple[Member, ...]
) -> Iterator[tuple[str, list[Invocation]]]:
    for member in members:
        events = forward.lines_of(deployment.client("logs"), member.worker.log_group)
        plane.put_logs(member.worker.log_group, events)
        seen = forward.invocations(events)
        plane.put_metrics(forward.lambda_data(member, seen))
        trigger = member.worker.sources[0].trigger
        if trigger == "kinesis":
            plane.put_metrics(forward.kinesis_data(deployment.client("kinesis"), member.source))
        if trigger == "dynamodb-stream":
            told = deployment.client("dynamodb").describe_table(TableName=member.source)["Table"]
            arn, streams = told["LatestStreamArn"], deployment.aws.client("dynamodbstreams")
            plane.put_metrics(forward.table_data(streams, member.source, arn))
        yield member.name, seen
