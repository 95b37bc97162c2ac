"""A fleet without manifests: its functions by prefix or tag, and what they read, from AWS's own lists."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from opskit.inventory import arns, round0
from opskit.inventory.candidate import reading_of
from opskit.inventory.lookup import discovered
from opskit.inventory.worker import Source, Worker
from opskit.model import Describe, Gap, Json, Readings, Status
from opskit.settings import Settings

TAGGED = "tagged"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Which functions are looked for: those whose name begins with `prefix` and that have the tag `tag`.

    `tag` is `key=value`, or `key` for any value; an empty one does not restrict.
    """

    prefix: str = ""
    tag: str = ""

    def signals(self) -> dict[str, Describe]:
        """Return what to ask AWS."""
        asked = {
            round0.IDENTITY: round0.identity(),
            round0.FUNCTIONS: round0.all_functions(),
            round0.MAPPINGS: round0.all_mappings(),
        }
        return asked | ({TAGGED: _tagged(self.tag)} if self.tag else {})

    def workers(self, readings: Readings, settings: Settings) -> tuple[tuple[Worker, ...], tuple[Gap, ...]]:
        """Return the fleet's workers by name, and what could not be looked at.

        Without the list of functions or of tags there is no fleet, only a gap. Without the mappings the
        workers have no sources.
        """
        needed = (round0.FUNCTIONS, round0.MAPPINGS, *((TAGGED,) if self.tag else ()))
        gaps = tuple(gap for key in needed if (gap := _gap(key, readings, self.signals()[key])))
        functions = self._functions(readings)
        sources = _sources(_rows(readings, round0.all_mappings()))
        workers = (_worker(row, sources.get(row["name"], ()), settings) for row in functions)
        return tuple(sorted(workers, key=lambda worker: worker.name)), gaps

    def _functions(self, readings: Readings) -> list[Mapping[str, Json]]:
        rows = [row for row in _rows(readings, round0.all_functions()) if row["name"].startswith(self.prefix)]
        if not self.tag:
            return rows
        tagged = {arns.resource_of(arn) for arn in _rows(readings, _tagged(self.tag))}
        return [row for row in rows if row["name"] in tagged]


def _tagged(tag: str) -> Describe:
    """Ask for the ARNs of the tagged functions; `select` matches the tag: a signal holds no nested filter."""
    key, equals, value = tag.partition("=")
    matches = f"Key=={_text(key)}" + (f" && Value=={_text(value)}" if equals else "")
    return Describe(
        "resourcegroupstaggingapi",
        "GetResources",
        (("ResourceTypeFilters", ("lambda:function",)),),
        f"ResourceTagMappingList[?Tags[?{matches}]].ResourceARN",
    )


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _rows(readings: Readings, signal: Describe) -> tuple[Json, ...]:
    reading = reading_of(readings, signal)
    return () if reading.status is Status.FAILED else tuple(reading.document or ())


def _gap(key: str, readings: Readings, signal: Describe) -> Gap | None:
    reading = reading_of(readings, signal)
    failed = reading.status in (Status.FAILED, Status.PARTIAL)
    return Gap(key, reading.reason or "not all could be read") if failed else None


def _sources(mappings: tuple[Mapping[str, Json], ...]) -> dict[str, tuple[Source, ...]]:
    """Group what the mappings read by function name; an alias's mapping is its function's."""
    found: dict[str, tuple[Source, ...]] = {}
    for mapping in mappings:
        arn = mapping["source_arn"] or ""
        trigger = arns.trigger_of(arn)
        if trigger:
            function = arns.parse_function(mapping["function_arn"]).name
            source = Source(trigger, arns.resource_of(arn), arn, mapping["uuid"])
            found[function] = (*found.get(function, ()), source)
    return found


def _worker(row: Mapping[str, Json], sources: tuple[Source, ...], settings: Settings) -> Worker:
    function = row["name"]
    dead_letters = row["dead_letter_arn"] or ""
    return replace(
        discovered(function, settings),
        sources=sources,
        log_group=row["log_group"] or f"/aws/lambda/{function}",
        # A function's dead letters may go to a topic too (Lambda API, DeadLetterConfig): that is no queue.
        dead_letter_queue=arns.resource_of(dead_letters) if arns.trigger_of(dead_letters) == "sqs" else "",
    )
