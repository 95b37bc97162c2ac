"""A worker's function, its alias and role, and the log group that it writes to."""

from collections.abc import Iterable, Iterator, Mapping

from opskit.drift import asks
from opskit.drift.resource import Detail, Difference
from opskit.drift.seen import AbsentError, Seen, UnreadError, name_of
from opskit.drift.thing import Place, Said, Thing, differing
from opskit.inventory import Worker, arns
from opskit.inventory.lookup import MAPPED
from opskit.logs.sources import OWN
from opskit.model import Describe, Json, Severity

_SETTINGS = ("timeout_s", "memory_mb", "log_format", "log_group", "dead_letter_queue")
_APIS = ("rest-api", "http-api")
"""Triggers whose workers' dead-letter queue is the function's own; of others it is the source's."""


def function(worker: Worker) -> Thing:
    """Return a worker's function, with its settings, reserved concurrency, state and tags."""
    asked = (
        *((asks.version(worker.function, worker.alias),) if worker.alias else ()),
        asks.function(worker.function),
    )
    return Thing(
        "function", worker, worker.function, lambda _: asked, lambda seen: _compare_function(worker, seen)
    )


def called(worker: Worker, name: str) -> Thing:
    """Return a function that a worker calls: that it is there is all that matters here."""
    asked = asks.function(name)

    def compare(seen: Seen) -> Iterable[Said]:
        seen.document(asked)
        return ()

    return Thing("function", worker, name, lambda _: (asked,), compare)


def _compare_function(worker: Worker, seen: Seen) -> Iterator[Said]:
    live = seen.document(asks.function(worker.function))
    yield from _concurrency(live, worker)
    running = _running(live, worker, seen)
    yield from _states(running)
    yield from differing(_SETTINGS, _settings(running, worker), _expected(worker))
    yield from _tags(live, worker)


def _running(live: Mapping[str, Json], worker: Worker, seen: Seen) -> Mapping[str, Json]:
    """Return the configuration that is invoked; the function's own where the alias is missing."""
    if not worker.alias:
        return live
    try:
        found: Mapping[str, Json] = seen.document(asks.version(worker.function, worker.alias))
    except AbsentError:
        return live
    return found


def _settings(live: Mapping[str, Json], worker: Worker) -> Mapping[str, Json]:
    """Return a configuration by the manifest's names; logs as they are where the answer leaves them out."""
    arn = live["dead_letter_arn"]
    logs = {
        "log_format": live["log_format"] or "Text",
        "log_group": live["log_group"] or OWN + worker.function,
    }
    return {**live, **logs, "dead_letter_queue": arns.resource_of(arn) if arn else None}


def _expected(worker: Worker) -> Mapping[str, Json]:
    more = {"log_group": worker.log_group}
    if worker.trigger in _APIS and worker.dead_letter_queue:
        more["dead_letter_queue"] = worker.dead_letter_queue
    return {**worker.expected, **more}


def _concurrency(live: Mapping[str, Json], worker: Worker) -> Iterator[Difference]:
    severity = Severity.HIGH if live["reserved_concurrency"] == 0 else Severity.MEDIUM
    yield from differing(("reserved_concurrency",), live, worker.expected, severity)


def _tags(live: Mapping[str, Json], worker: Worker) -> Iterator[Difference]:
    """Yield the tags that differ; UnreadError where AWS left them out of its answer, which is not "none"."""
    if worker.tags and live["tags_error"]:
        raise UnreadError(f"its tags were not read ({live['tags_error']}): needs lambda:ListTags")
    tags = live["tags"] or {}
    for key, value in worker.tags.items():
        if tags.get(key) != value:
            yield Difference(f"tag {key}", tags.get(key), value, Severity.LOW)


def _states(live: Mapping[str, Json]) -> Iterator[Difference]:
    """Yield a function that cannot run at all, and an update that left the code before it running."""
    for field, reason, expected, severity in (
        ("state", "state_reason", "Active", Severity.CRITICAL),
        ("last_update_status", "last_update_reason", "Successful", Severity.HIGH),
    ):
        if live[field] == "Failed":
            why = live[reason] or ""
            yield Difference(field, "Failed", expected, severity, by_manifest=False, why=why)


def alias(worker: Worker) -> Thing:
    """Return the alias that a worker is invoked by."""
    asked = asks.alias(worker.function, worker.alias)

    def compare(seen: Seen) -> Iterator[Said]:
        live = seen.document(asked)
        others = (f"{share:.0%} version {name}" for name, share in (live["others"] or {}).items())
        yield Detail(", ".join((f"version {live['version']}", *others)))

    return Thing("alias", worker, f"{worker.function}:{worker.alias}", lambda _: (asked,), compare)


def role(worker: Worker) -> Thing:
    """Return the role that a function runs as: it is there, and not without any rights."""
    asked = asks.function(worker.function)

    def name(seen: Seen) -> str:
        try:
            return str(seen.document(asked)["role"]).rpartition("/")[2]  # a role may have a path
        except AbsentError:
            return ""  # only the function could tell
        except UnreadError:
            return f"role of {worker.function}"

    def signals(seen: Seen) -> Iterator[Describe]:
        yield asked
        if seen.known(asked):
            yield from asks.role_policies(name(seen))

    def compare(seen: Seen) -> Iterator[Said]:
        seen.document(asked)
        inline, attached = (seen.document(signal) for signal in asks.role_policies(name(seen)))
        if not inline and not attached:
            severity = Severity.HIGH if worker.trigger in MAPPED else Severity.MEDIUM
            yield Difference("policies", None, "some", severity, by_manifest=False)

    return Thing("role", worker, name, signals, compare)


def log_group(worker: Worker, place: Place) -> Thing:
    """Return the log group that a worker writes to: kept as long as its manifest says, and searchable."""
    asked = asks.log_groups(place.log_prefix or worker.log_group)

    def compare(seen: Seen) -> Iterator[Said]:
        rows = seen.rows(asked, name_of, worker.log_group)
        if not rows:
            raise AbsentError
        live = rows[0]
        if live["class"] not in (None, "STANDARD"):  # an endpoint that knows no classes has this one
            yield Difference("class", live["class"], "STANDARD", by_manifest=False)
        if worker.log_retention_days is not None:
            expected = {"log_retention_days": worker.log_retention_days}
            yield from differing(expected, live, expected, Severity.LOW)

    return Thing("log group", worker, worker.log_group, lambda _: (asked,), compare)
