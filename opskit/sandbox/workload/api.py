"""An API and the Lambda function behind it: requests come, nobody waits, what finds no execution is refused.

Requests that go alike are bundled. The sources of the laws are in `docs/workload-model.md`.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from opskit.sandbox.workload.draws import binomial, erlang_b, most_at_once, poisson
from opskit.sandbox.workload.execution import (
    Environments,
    Fate,
    FunctionMinute,
    Run,
    outcome,
    used_mb,
    usual_s,
)
from opskit.sandbox.workload.parts import ApiWorker, Table
from opskit.sandbox.workload.table import TableModel

STEP_S = 30.0
RECENT_MINUTES = 5
"""For so long the last requests say how the next one goes."""
ENOUGH_REQUESTS = 20
"""So many requests say how most go; a minute that has just begun may have fewer."""
BUNDLES = 3
"""At most so many different requests of one fate in a step; each stands for as many as it takes."""
CODE_OK = 200
CODE_5XX = 503
CODE_4XX = 404
GATEWAY_MS = 8.0
"""What the gateway itself adds to a request, on average."""
RESPONSE_BYTES = 1800
_NO_TIME_S = 1e-6


@dataclass(frozen=True, slots=True)
class Access:
    """A line of the access log; it may stand for more requests that went alike."""

    at_s: float
    status: int
    """What the client got."""
    latency_ms: float
    integration_latency_ms: float | None = None
    service_status: int | None = None
    """What the Lambda service answered ($context.integration.integrationStatus)."""
    code_status: int | None = None
    """What the function's code answered ($context.integration.status)."""
    response_type: str = ""
    """Which gateway response was given instead of the function's."""
    stands_for: int = 1


@dataclass(slots=True)
class ApiMinute(FunctionMinute):
    """What happened in one minute to an API and its function."""

    statuses: dict[int, int] = field(default_factory=dict)
    latencies_ms: dict[float, float] = field(default_factory=dict)
    integration_ms: dict[float, float] = field(default_factory=dict)
    data_bytes: float = 0.0

    def answer(self, access: Access) -> None:
        """Count the requests that `access` stands for."""
        number = access.stands_for
        self.statuses[access.status] = self.statuses.get(access.status, 0) + number
        self.latencies_ms[access.latency_ms] = self.latencies_ms.get(access.latency_ms, 0.0) + number
        if access.integration_latency_ms is not None:
            took_ms = access.integration_latency_ms
            self.integration_ms[took_ms] = self.integration_ms.get(took_ms, 0.0) + number
        self.data_bytes += number * RESPONSE_BYTES


@dataclass(frozen=True, slots=True)
class Setting:
    """What a request depends on besides chance."""

    p: ApiWorker
    table: TableModel | None
    table_p: Table | None
    minute: ApiMinute
    t_s: float
    end_s: float


class ApiModel:
    """One API worker; `step` takes it through a minute or a part of one."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._environments = Environments(random)
        self.minutes: dict[int, ApiMinute] = {}
        self.dirty: set[int] = set()
        self.runs: list[Run] = []
        self.accesses: list[Access] = []
        self.in_use = 0.0
        """Executions at once, on average over the last step."""
        self._running: list[tuple[float, int]] = []
        """When executions end, and how many do."""
        self._mean_s = 0.0
        self._tokens: float | None = None
        """Requests that the API's throttling would let through at once."""
        self._cold = 0

    def step(  # noqa: PLR0917 - the world steps all of its workers alike
        self,
        t0_s: float,
        t1_s: float,
        p: ApiWorker,
        concurrency: int,
        table: TableModel | None,
        table_p: Table | None,
    ) -> None:
        """Go from `t0_s` to `t1_s` with at most `concurrency` executions at once."""
        busy_s, t_s = 0.0, t0_s
        while t_s < t1_s - _NO_TIME_S:
            end_s = min(t1_s, (t_s // STEP_S + 1) * STEP_S)
            index, runs, accesses = int(t_s // 60), len(self.runs), len(self.accesses)
            self.dirty.add(index)
            minute = self.minutes.setdefault(index, ApiMinute())
            busy_s += self._serve(Setting(p, table, table_p, minute, t_s, end_s), concurrency)
            self.runs[runs:] = sorted(self.runs[runs:], key=lambda run: run.at_s)
            self.accesses[accesses:] = sorted(self.accesses[accesses:], key=lambda access: access.at_s)
            t_s = end_s
        self.in_use = busy_s / (t1_s - t0_s)

    def usual_status(self) -> int:
        """Return what most of the newest requests got; 200 where none came.

        A status that the code gives for what its clients ask counts as well answered.
        """
        latest = max(self.minutes, default=0)
        statuses: Counter[int] = Counter()
        for index in range(latest, latest - RECENT_MINUTES, -1):
            if minute := self.minutes.get(index):
                statuses.update(minute.statuses)
            if statuses.total() >= ENOUGH_REQUESTS:
                break
        statuses[CODE_OK] += statuses.pop(CODE_4XX, 0)
        return statuses.most_common(1)[0][0]

    def _serve(self, s: Setting, concurrency: int) -> float:
        """Serve the requests of a step; return the seconds of execution."""
        p, seconds = s.p, s.end_s - s.t_s
        running_s = self._busy_s(s.t_s, s.end_s)
        asked = poisson(self._random, p.arrival_per_s * seconds)
        asked -= self._refuse(s, asked - self._let_through(p, asked, seconds), 429, "THROTTLED")
        unauthorized = binomial(self._random, asked, p.authorizer_failing)
        asked -= self._refuse(s, unauthorized, 500, "AUTHORIZER_FAILURE")
        if not p.invocable:
            self._refuse(s, asked, 500, "DEFAULT_5XX", service_status=403)
            return running_s
        self._mean_s = max(self._mean_s, usual_s(p))
        load = asked / seconds * self._mean_s
        free_s = max(0.0, concurrency * seconds - running_s)
        room = int(free_s / min(seconds, max(0.001, self._mean_s)))
        blocked = max(asked - room, binomial(self._random, asked, erlang_b(concurrency, load)))
        s.minute.throttles += blocked
        asked -= self._refuse(s, blocked, 500, "DEFAULT_5XX", service_status=429)
        at_once = most_at_once(max(load, running_s / seconds), concurrency)
        self._cold = self._environments.use(at_once, seconds, p)
        used_s = self._execute(s, asked)
        if asked:
            s.minute.concurrency = max(s.minute.concurrency, 1, at_once)
        return min(running_s + used_s, max(running_s, concurrency * seconds))

    def _busy_s(self, t_s: float, end_s: float) -> float:
        """Return how much execution time between `t_s` and `end_s` goes to what runs already."""
        while self._running and self._running[0][0] <= t_s:
            heapq.heappop(self._running)
        return sum((min(until, end_s) - t_s) * number for until, number in self._running)

    def _let_through(self, p: ApiWorker, asked: int, seconds: float) -> int:
        """Return how many requests the API's token bucket lets through."""
        before = p.throttle_burst if self._tokens is None else self._tokens
        tokens = before + p.throttle_rate * seconds
        passed = min(asked, int(tokens))
        self._tokens = min(p.throttle_burst, tokens - passed)
        return passed

    def _at(self, s: Setting) -> float:
        return s.t_s + self._random.random() * (s.end_s - s.t_s)

    def _gateway_ms(self) -> float:
        return GATEWAY_MS * self._random.lognormvariate(0.0, 0.3)

    def _answer(self, s: Setting, access: Access) -> None:
        if access.stands_for:
            self.accesses.append(access)
            s.minute.answer(access)

    def _refuse(
        self, s: Setting, number: int, status: int, why: str, *, service_status: int | None = None
    ) -> int:
        """Answer requests that reach no function; return how many."""
        if number:
            took_ms = round(self._gateway_ms(), 1)
            integration_ms = None if service_status is None else round(took_ms / 2, 1)
            at_s = self._at(s)
            self._answer(s, Access(at_s, status, took_ms, integration_ms, service_status, None, why, number))
        return number

    def _execute(self, s: Setting, number: int) -> float:
        """Execute `number` requests; return the seconds of execution in this step."""
        failing = binomial(self._random, number, s.p.failing)
        used_s = 0.0
        for fate, some in ((Fate.FAILING, failing), (Fate.FINE, number - failing)):
            for part in _parts(some):
                cold = self._cold if 0 < self._cold < part else 0
                used_s += self._run(s, fate, cold) if cold else 0.0
                used_s += self._run(s, fate, part - cold)
        return used_s

    def _run(self, s: Setting, fate: Fate, number: int) -> float:
        p, at_s = s.p, self._at(s)
        waited_s, refusal = self._write(s, at_s, fate, number)
        error, duration_ms = outcome(self._random, p, 1, fate, waited_s=waited_s, refusal=refusal)
        init_ms = self._environments.init_ms(p) if self._cold > 0 else 0.0
        self._cold -= number
        used = used_mb(p, 1)
        run = Run(at_s, 1, duration_ms, init_ms, error, p.version, stands_for=number, used_mb=used)
        self.runs.append(run)
        s.minute.add(run)
        self._reply(s, run)
        took_s = (init_ms + duration_ms) / 1000
        self._mean_s += (took_s - self._mean_s) * 0.3
        heapq.heappush(self._running, (at_s + took_s, number))
        return min(took_s, s.end_s - at_s) * number

    def _write(self, s: Setting, at_s: float, fate: Fate, number: int) -> tuple[float, str]:
        """Write to the function's table; return the first request's wait, and the error if refused."""
        if s.table is None or s.table_p is None or fate is not Fate.FINE:
            return 0.0, ""
        units, hot, span = s.p.writes_per_record, s.p.hot_key_share, (s.t_s, s.end_s)
        waited_s = s.table.write_alike(at_s, units, s.table_p, hot, calls=number, span=span)
        return waited_s, s.table.refusal(s.table_p)

    def _reply(self, s: Setting, run: Run) -> None:
        """Answer the requests that `run` stands for."""
        limit_ms, number, at_s = s.p.integration_timeout_ms, run.stands_for, run.at_s
        in_time = run.init_ms + run.duration_ms < limit_ms
        took_ms = round(min(run.init_ms + run.duration_ms, limit_ms), 1)
        all_ms = round(took_ms + self._gateway_ms(), 1)
        if not in_time:
            why = "INTEGRATION_TIMEOUT"
            self._answer(s, Access(at_s, 504, all_ms, took_ms, None, None, why, number))
        elif run.error:
            self._answer(s, Access(at_s, 502, all_ms, took_ms, 200, None, "DEFAULT_5XX", number))
        else:
            for status, some in self._statuses(s.p, number):
                self._answer(s, Access(at_s, status, all_ms, took_ms, 200, status, "", some))

    def _statuses(self, p: ApiWorker, number: int) -> Iterator[tuple[int, int]]:
        """Yield the statuses that the code gives to `number` requests, and how many get each."""
        server = binomial(self._random, number, p.answers_5xx)
        client = binomial(self._random, number - server, p.client_error_share)
        yield CODE_5XX, server
        yield CODE_4XX, client
        yield CODE_OK, number - server - client


def _parts(number: int) -> Iterator[int]:
    """Divide `number` into at most BUNDLES parts."""
    parts = min(number, BUNDLES)
    for index in range(parts):
        yield number * (index + 1) // parts - number * index // parts
