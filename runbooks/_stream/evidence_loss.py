"""What shows that records are gone: an age that fell by itself, counts of what was given up or filtered."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from opskit.model import Evidence, Json, Readings
from opskit.render.figures import counted, duration
from runbooks._stream.evidence import measured
from runbooks._stream.loss import Fall

COUNTED = {
    "events-dropped": "records given up and kept nowhere, in all; the last",
    "events-delivered": "records given up and named in the destination, in all; the last",
    "delivery-failures": "notices that did not reach their destination, of the whole function, in all; last",
}


def of_fall(fall: Fall, life_s: float) -> Evidence:
    """Return the age before it fell, against a record's longest life, and what it fell to."""
    text = f"the age fell from {duration(fall.high[1] / 1000)} to {duration(fall.low[1] / 1000)}"
    return Evidence("iterator-age", text, fall.high[1] / 1000, life_s, "s", fall.low[0])


def of_given_up(readings: Readings, keys: Iterable[str]) -> tuple[Evidence, ...]:
    """Return the counts that are not 0, in all and when the last came, and the age beside them.

    The newest minute alone says 0 where it is over, and what is lost stays lost.
    """
    shown = [one for key in keys for one in measured(readings, key, COUNTED[key], limit=0)]
    return (
        *(_summed(one) for one in shown if any(count > 0 for _, count in one.series)),
        *measured(readings, "iterator-age", "age of the oldest record sent", scale=1 / 1000, unit="s"),
    )


def _summed(counts: Evidence) -> Evidence:
    last_at = max(t for t, count in counts.series if count > 0)
    return replace(counts, value=sum(count for _, count in counts.series), at=last_at)


def of_policy(found: Mapping[str, Json] | None) -> tuple[Evidence, ...]:
    """Return when the mapping gives a batch up, and where that is kept."""
    if not found:
        return ()
    retries, age_s = found["max_retries"], found["max_record_age_s"]
    said = [
        "no limit of retries" if retries in (None, -1) else f"at most {counted(retries, 'retry', 'retries')}"
    ]
    said.append("no limit of age" if age_s in (None, -1) else f"at most {duration(age_s)} old")
    said.append(f"then named at {found['on_failure_arn']}" if found["on_failure_arn"] else "no destination")
    return (Evidence("mappings", f"the mapping's limits: {', '.join(said)}"),)


def of_filter(readings: Readings, found: Mapping[str, Json]) -> tuple[Evidence, ...]:
    """Return what is read, what of it is dropped, and by which patterns."""
    return (
        *measured(readings, "events-polled", "records read from the stream a minute"),
        *measured(readings, "events-filtered", "records dropped by the filter a minute"),
        *measured(readings, "invocations", "invocations a minute"),
        Evidence("mappings", f"the filter: {' '.join(found['filters'])}", at=found["last_modified"]),
    )
