"""Rules about records that the function never saw to: expired, given up, filtered out."""

import json
from collections.abc import Iterable, Mapping

from opskit.model import Evidence, Finding, Json, Readings, Severity, Status, Target
from opskit.render.figures import clock, duration, number
from opskit.series import Series
from runbooks._stream import advice_loss, evidence, evidence_loss, evidence_unread, settings, words
from runbooks._stream import facts as stream
from runbooks._stream.loss import REACHED, Fall, fell

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"

NEARLY_NOTHING = 0.02
"""Share of what is read from which a filter lets next to nothing through."""

OVER_S = 300
"""For how long nothing more was given up before that counts as over."""

EXPECTED = 20
"""Records that should have passed by the earlier share, before their absence is no chance."""


def records_expired(target: Target, readings: Readings) -> Finding | None:
    """Data loss already happened."""  # noqa: D401 - the catalogue's words
    retention = settings.retention_s(target, readings)
    late = stream.age(target, readings)
    if _begins_at_the_oldest(target, readings):
        return None
    if late.seconds >= REACHED * retention:
        return _expiring(target, readings, late, retention)
    if readings.reading("iterator-age").status is Status.EMPTY:
        return None
    fall = fell(target, readings, retention)
    if fall is None:
        return None
    return Finding(
        cause="records-expired",
        severity=Severity.HIGH,
        subject=words.subject(target),
        summary=f"records were lost: the age had reached the retention before it fell{_how(readings, fall)}",
        since=fall.reached_at,
        evidence=(evidence_loss.of_fall(fall, retention), *evidence_unread.of_silence(target, readings)),
        fix=advice_loss.replay(target, readings, lasting=False),
        avoid=advice_loss.NOT_OVER,
        source="https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html",
    )


def _expiring(target: Target, readings: Readings, late: stream.Age, retention_s: int) -> Finding:
    """Say that records are being lost now: what waits is as old as the stream keeps it."""
    end = readings.window.end
    since = stream.began(Series(late.points), lambda age_ms: age_ms / 1000 >= REACHED * retention_s)
    if not late.measured:
        since = int(late.at + retention_s)
    began = (since or end) - retention_s
    earlier = " or earlier" if since is None or since <= readings.window.start else ""
    return Finding(
        cause="records-expired",
        severity=Severity.CRITICAL,
        subject=words.subject(target),
        summary=f"records are being lost now: the oldest is as old as the stream keeps it "
        f"({duration(retention_s)}); {_written(readings, began, end - retention_s)}{earlier}",
        since=since,
        evidence=(evidence.of_age(target, late),),
        fix=advice_loss.replay(target, readings, lasting=True),
        avoid=advice_loss.NOT_OVER,
        source="https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html",
    )


def records_dropped_by_policy(target: Target, readings: Readings) -> Finding | None:
    """Lag "healed" by discarding."""
    found = settings.mapping(target, readings)
    lost, kept = _total(readings, "events-dropped"), _total(readings, "events-delivered")
    undelivered = _total(readings, "delivery-failures")
    if lost or kept or undelivered:
        return _dropped(target, readings, found, (lost, kept, undelivered))
    life = (found or {}).get("max_record_age_s") or -1
    # Without the mapping's counts its age alone says so; with them, they do.
    if life < 0 or "events-dropped" in readings or readings.reading("iterator-age").status is Status.EMPTY:
        return None
    fall = fell(target, readings, life)
    if fall is None:
        return None
    return _given_up(
        target,
        found,
        Severity.HIGH,
        f"the age fell because records were given up at {duration(life)}, the mapping's limit"
        f"{_how(readings, fall)}",
        since=fall.reached_at,
        shown=(evidence_loss.of_fall(fall, life), *evidence_unread.of_silence(target, readings)),
    )


def _dropped(
    target: Target, readings: Readings, found: Mapping[str, Json] | None, counts: tuple[float, float, float]
) -> Finding:
    """Say what was given up, by the mapping's own counts."""
    lost, kept, undelivered = counts
    said = []
    if lost:
        said.append(f"{_records(lost)} given up and kept nowhere")
    if kept:
        said.append(f"{_records(kept)} given up, their batches are named in the destination")
    if undelivered:
        said.append(
            f"{number(undelivered)} notices did not reach their destination: those records are lost too"
        )
    keys = ("events-dropped", "events-delivered", "delivery-failures")
    since = min((t for key in keys for t in _counted_at(readings, key)), default=None)
    return _given_up(
        target,
        found,
        Severity.HIGH if lost or undelivered else Severity.MEDIUM,
        f"{'; '.join(said)}{_until(readings, keys)}. A lag that ended so is not made good",
        since=since,
        shown=evidence_loss.of_given_up(readings, keys),
    )


def _records(count: float) -> str:
    return f"{number(count)} record{'s were' if count != 1 else ' was'}"


def _until(readings: Readings, keys: Iterable[str]) -> str:
    """Return when the last was given up, where that is over."""
    last = max((t for key in keys for t in _counted_at(readings, key)), default=0)
    end = readings.window.end
    return f", the last at {clock(last, end)}" if 0 < last < end - OVER_S else ""


def _given_up(
    target: Target,
    found: Mapping[str, Json] | None,
    severity: Severity,
    summary: str,
    *,
    since: int | None,
    shown: tuple[Evidence, ...],
) -> Finding:
    return Finding(
        cause="records-dropped-by-policy",
        severity=severity,
        subject=words.subject(target),
        summary=summary,
        since=since,
        evidence=(*shown, *evidence_loss.of_policy(found)),
        fix=advice_loss.recover(target, found),
        avoid=advice_loss.NOT_RECOVERED,
        source=f"{GUIDE}/kinesis-on-failure-destination.html",
    )


def filtered_out(target: Target, readings: Readings) -> Finding | None:
    """FilterCriteria drops (nearly) everything."""
    found = settings.mapping(target, readings)
    if not found or not found["filters"] or found["state"] != "Enabled":
        return None
    if "events-filtered" not in readings:
        return None
    passed = _passed(readings)
    read = dict(readings.series("events-polled"))
    if not sum(read.values()):
        return None
    since = _shut_since(readings, passed, read)
    if since is None and any(count > 0 for _, count in passed):
        return None
    said, harm = _whole_window(target, found)
    if since is not None:
        said = "lets (nearly) nothing through any more: no lag, but what arrives is skipped for good"
        harm = Severity.MEDIUM
    return Finding(
        cause="filtered-out",
        severity=harm,
        subject=words.subject(target),
        summary=f"the mapping's filter {said}",
        since=since,
        evidence=evidence_loss.of_filter(readings, found),
        fix=advice_loss.check_filter(target, found),
        avoid=advice_loss.NOT_UNFILTERED,
        source=f"{GUIDE}/invocation-eventfiltering.html",
    )


def _as_the_manifest(target: Target, found: Mapping[str, Json]) -> bool | None:
    """Tell whether the mapping's filter is the one of the manifest; None without a manifest."""
    if "filters" not in target.expected:
        return None
    meant, is_ = (
        [_pattern(text) for text in texts] for texts in (target.expected["filters"], found["filters"])
    )
    return sorted(meant) == sorted(is_)


def _pattern(text: str) -> str:
    """Return a pattern without what makes no difference: white space and the order of keys."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text


def _whole_window(target: Target, found: Mapping[str, Json]) -> tuple[str, Severity]:
    """Return what to say of a filter that nothing passed in the whole window, and how bad that is."""
    as_meant = _as_the_manifest(target, found)
    if as_meant is False:
        said = (
            "drops every record of the window, and is not the one of its manifest: no lag, but what arrives"
        )
        return f"{said} is skipped for good", Severity.MEDIUM
    meant = "as its manifest has it" if as_meant else "nothing here says whether it is meant"
    return f"drops every record of the window: no lag; {meant}", Severity.LOW


def _passed(readings: Readings) -> Series:
    """Return per minute how many records the filter let through."""
    dropped = dict(readings.series("events-filtered"))
    return Series(tuple((t, max(0.0, n - dropped.get(t, 0.0))) for t, n in readings.series("events-polled")))


def _shut_since(readings: Readings, passed: Series, read: Mapping[int, float]) -> int | None:
    """Return since when nothing passes any more, if by the share that passed before much should have."""
    end = readings.window.end
    open_ = [t for t, count in passed if count > NEARLY_NOTHING * read[t]]
    if not open_:
        return None
    shut = open_[-1] + stream.MINUTE_S
    before, after = sum(read[t] for t in read if t < shut), sum(read[t] for t in read if t >= shut)
    share = passed.between(0, shut).total / before
    return shut if end > shut and share * after >= EXPECTED else None


def _total(readings: Readings, key: str) -> float:
    """Return a counter's sum over the window; 0 where it is not asked, or silent for want of traffic."""
    if key not in readings or readings.reading(key).status is Status.EMPTY:
        return 0.0
    return readings.series(key).total


def _counted_at(readings: Readings, key: str) -> list[int]:
    """Return the minutes in which a counter was not 0."""
    points = (stream.known(lambda: readings.series(key)) if key in readings else None) or ()
    return [t for t, count in points if count > 0]


def _begins_at_the_oldest(target: Target, readings: Readings) -> bool:
    """Tell whether a mapping began in the window with the oldest records there are, and read none before.

    Those are always about to expire. After an outage longer than the window it looks the same.
    """
    found = stream.known(lambda: settings.mapping(target, readings))
    began = (found or {}).get("last_modified") or 0
    if not found or found["state"] != "Enabled" or began < readings.window.start:
        return False
    series = stream.known(lambda: readings.series("iterator-age"))
    return bool(series and series.points[0][0] >= began - stream.MINUTE_S)


def _how(readings: Readings, fall: Fall) -> str:
    """Say how much is gone: all that waited, or only what was at the end of its life."""
    if fall.worked_off:
        return (
            f"; the rest was worked off, what is gone was {_written(readings, fall.lost_from, fall.lost_to)}"
        )
    gone = _written(readings, fall.lost_from, fall.lost_to)
    return f", and nothing can have processed so many; {gone}"


def _written(readings: Readings, began: int, ended: int) -> str:
    end = readings.window.end
    return f"written between {clock(began, end)} and {clock(max(began, ended), end)}"
