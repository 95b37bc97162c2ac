"""Rules about a mapping that reads the right stream, but not on: from far back, or in circles."""

from opskit.model import Finding, Readings, Severity, Target, UnreadError
from opskit.render.figures import clock, duration, number
from opskit.series import Series
from runbooks._stream import advice_position, evidence_position, settings, words
from runbooks._stream import facts as stream
from runbooks._stream import since as onset
from runbooks._stream.chains import explained_by
from runbooks._stream.stuck import STUCK_SLOPE

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"

BEYOND_ERRORS = 2
"""Times more failed records than failed invocations account for, before the response is what fails them."""


def replay_backlog(target: Target, readings: Readings) -> Finding | None:
    """Lag is expected after TRIM_HORIZON/AT_TIMESTAMP start or re-enable."""
    found = settings.mapping(target, readings)
    if not found or found["state"] != "Enabled":
        return None
    late = stream.age(target, readings)
    if late.seconds <= stream.limit_s(target) or stream.error_ratio(target, readings) >= stream.WIDESPREAD:
        return None
    if stream.is_throttled(target, readings):
        return None
    ages = _since_it_began_far_back(target, readings, found["last_modified"])
    pace = _pace(late, ages)
    falls = pace > -stream.CATCHING_UP
    if falls and stream.window_explains(target, readings, late.seconds):
        return None
    if not falls and not _just_begun(target, readings, found["last_modified"], late, ages):
        return None
    now = readings.window.end
    done = now + int(late.seconds / pace) if falls else None
    began = None if falls and not ages else found["last_modified"]
    do, do_not = advice_position.wait(target, done, now, started=began is not None)
    what = (
        "what piled up is worked off"
        if began is None
        else f"the mapping began far back at {clock(began, now)}"
    )
    return Finding(
        cause="replay-backlog",
        severity=Severity.MEDIUM,
        subject=words.subject(target),
        summary=f"{what}: {duration(late.seconds)} behind, {_expected(done, now)}",
        since=began or onset.late_since(target, readings),
        evidence=evidence_position.of_replay(target, readings, found, late, began),
        fix=do,
        avoid=do_not,
        explains=explained_by("replay-backlog"),
        source=f"{GUIDE}/with-kinesis.html",
    )


def _pace(late: stream.Age, ages: Series | None) -> float:
    """Return by how many seconds a second the age falls: since the mapping began far back, or of late."""
    if ages:
        return -ages.tail(stream.TREND_S).slope_per_s() / 1000
    return -late.slope if late.measured and late.slope is not None else 0.0


def _just_begun(
    target: Target, readings: Readings, changed: int | None, late: stream.Age, ages: Series | None
) -> bool:
    """Tell whether the mapping was changed too short a time ago for its ages to fall, or to be seen."""
    if ages:
        return ages.last_at - ages.points[0][0] < stream.CURRENT_S
    if late.measured or not changed:
        return False
    return changed > readings.window.end - stream.patience_s(target, readings, stream.CURRENT_S)


def _expected(done: int | None, now: int) -> str:
    if done is None:
        return "too short a time ago to say whether it catches up"
    return f"caught up at about {clock(done, now)} (in {duration(done - now)})"


def partial_batch_misreport(target: Target, readings: Readings) -> Finding | None:
    """Wrong ReportBatchItemFailures response re-reads the same window."""
    found = settings.mapping(target, readings)
    if not found or found["state"] != "Enabled" or not found["report_batch_item_failures"]:
        return None
    if not stream.recent_total(target, readings, "invocations") or stream.is_throttled(target, readings):
        return None
    if stream.error_ratio(target, readings) >= stream.WIDESPREAD:
        return None
    late = stream.age(target, readings)
    stuck = _stands_still(target, late)
    if not stuck and not _comes_back(target, readings, late):
        return None
    if "events-failed" not in readings:
        raise UnreadError("events-failed", "the mapping takes partial failures and publishes no event counts")
    failed, invoked = _failed_beyond_errors(target, readings)
    if failed <= 0:
        return None
    do, do_not = advice_position.report_rightly(target, onset.changed_at_onset(readings, _since(readings)))
    share = number(round(100 * failed / invoked, 1)) if invoked else "some"
    return Finding(
        cause="partial-batch-misreport",
        severity=stream.lag_severity(target, readings, late) if stuck else Severity.HIGH,
        subject=words.subject(target),
        summary=f"no invocation fails, yet {share} % of the records sent come back as failed and are sent "
        f"again{words.waiting(late)}: the response has empty or wrong identifiers, or rightly names a record "
        "that never succeeds; metrics cannot tell which, the function's log can",
        since=_since(readings),
        evidence=evidence_position.of_misreport(target, readings, found, late),
        fix=do,
        avoid=do_not,
        explains=explained_by("partial-batch-misreport"),
        source=f"{GUIDE}/services-kinesis-batchfailurereporting.html",
    )


def _since_it_began_far_back(target: Target, readings: Readings, changed: int | None) -> Series | None:
    """Return the ages since a change, if the first was late and nothing that was sent before leads up to it.

    Batches until the change mean that the mapping only got other settings, unless the age leaps: nothing
    ages faster than time passes, so a leap is a mapping made anew that starts far back.
    """
    if not changed or changed < readings.window.start:
        return None
    ages = readings.series("iterator-age")
    patience = stream.patience_s(target, readings, stream.GAP_S)
    before = ages.between(changed - patience, changed - stream.MINUTE_S)
    after = ages.between(changed - stream.MINUTE_S, readings.window.end)
    if not after:
        return None
    first = after.between(after.points[0][0], after.points[0][0] + stream.GAP_S)
    if before and not _leaps(target, before, first):
        return None
    return after if first.peak / 1000 > stream.limit_s(target) else None


def _leaps(target: Target, before: Series, after: Series) -> bool:
    """Tell whether an age grew by more than the time that passed, and by more than the limit."""
    passed_s = after.last_at + stream.MINUTE_S - before.last_at
    return (after.peak - before.last) / 1000 > passed_s + stream.limit_s(target)


def _stands_still(target: Target, late: stream.Age) -> bool:
    """Tell whether the oldest record ages as fast as time passes, though it is sent."""
    low, high = STUCK_SLOPE
    if late.seconds <= stream.limit_s(target) or not late.measured:
        return False
    slope = stream.slope_of(Series(late.points))
    return slope is not None and low <= slope <= high


def _comes_back(target: Target, readings: Readings, late: stream.Age) -> bool:
    """Tell whether much of what is sent comes back, and the stream is late or records are given up."""
    if "events-failed" not in readings:
        return False
    failed, invoked = _failed_beyond_errors(target, readings)
    if not invoked or failed / invoked < stream.WIDESPREAD:
        return False
    if sum(stream.recent_total(target, readings, key) for key in ("events-dropped", "events-delivered")):
        return True
    # Where most comes back the age goes up and down with luck, as retries succeed.
    mostly = failed / invoked >= stream.HALF and _still_comes_back(target, readings)
    return late.seconds > stream.limit_s(target) and (mostly or not late.catching_up)


def _still_comes_back(target: Target, readings: Readings) -> bool:
    end = readings.window.end
    newest = stream.patience_s(target, readings, stream.CURRENT_S)
    return readings.series("events-failed").between(end - newest, end).total > 0


def _failed_beyond_errors(target: Target, readings: Readings) -> tuple[float, float]:
    """Return recent failed records that no failed invocation accounts for, and all records sent."""
    invoked = stream.recent_total(target, readings, "events-invoked")
    failed = stream.recent_total(target, readings, "events-failed")
    by_errors = stream.recent_total(target, readings, "errors") * settings.batch_size(target, readings)
    return (failed - by_errors if failed > BEYOND_ERRORS * by_errors else 0.0), invoked


def _since(readings: Readings) -> int | None:
    """Return when records began to come back as failed without an error."""
    return stream.began(readings.series("events-failed"), lambda count: count > 0)
