"""What shows a backlog that is worked off, and what shows records that are sent again without an error."""

from collections.abc import Mapping

from opskit.model import Evidence, Json, Readings, Target
from runbooks._stream import facts as stream
from runbooks._stream.evidence import measured, of_age


def of_replay(
    target: Target, readings: Readings, found: Mapping[str, Json], late: stream.Age, began: int | None
) -> tuple[Evidence, ...]:
    """Return an age that falls; where the mapping `began` far back, also when and at which position."""
    start = found["starting_position"] or "unknown"
    made = f"the mapping was made or enabled then; starting position {start}"
    return (
        *(() if began is None else (Evidence("mappings", made, at=began),)),
        of_age(target, late),
        *measured(readings, "invocations", "invocations a minute"),
        *measured(readings, "errors", "errors a minute", limit=0),
        *measured(readings, "incoming", "arrivals a minute"),
    )


def of_misreport(
    target: Target, readings: Readings, found: Mapping[str, Json], late: stream.Age
) -> tuple[Evidence, ...]:
    """Return failed records beside no errors, and records sent more often than read."""
    retries = found["max_retries"]
    bounded = "without end" if retries in (None, -1) else f"{retries} times at most"
    return (
        *measured(readings, "events-failed", "records reported as failed a minute", limit=0),
        *measured(
            readings, "events-invoked", "records sent to the function a minute, the same ones again included"
        ),
        *measured(readings, "events-polled", "records read from the stream a minute"),
        *measured(readings, "errors", "errors a minute", limit=0),
        Evidence(
            "mappings", f"the mapping takes partial failures (ReportBatchItemFailures), retried {bounded}"
        ),
        of_age(target, late),
    )
