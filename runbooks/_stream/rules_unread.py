"""Rules about a stream that nothing reads: mapping off, consumer or stream gone, or the right to read it."""

from collections.abc import Mapping
from datetime import UTC, datetime

from opskit.model import Evidence, Finding, Json, Readings, Severity, Status, Target, UnreadError
from runbooks._stream import advice, advice_unread, evidence, evidence_unread, settings, words
from runbooks._stream import facts as stream
from runbooks._stream import since as onset
from runbooks._stream import source as of_source
from runbooks._stream.chains import explained_by

GUIDE = "https://docs.aws.amazon.com/lambda/latest/dg"

CALL_FAILED = "PROBLEM: Function call failed"
"""The last result that speaks of the function, not of the stream."""


WITH_BATCHES = (
    *("iterator-age", "invocations", "duration", "duration-max"),
    *("iterator-age-average", "iterator-age-min", "concurrency"),
)
"""What Lambda publishes where batches are sent; one that was not read may be the one that says so."""


def esm_disabled(target: Target, readings: Readings) -> Finding | None:
    """Mapping disabled, disabling, or deleted."""  # noqa: D401 - the catalogue's words
    found = settings.mapping(target, readings)
    if found is None and _read_all_the_same(target, readings):
        raise UnreadError("mappings", "none is listed, yet it is invoked: by an alias, or just deleted")
    state = found["state"] if found else "deleted"
    if state not in ("Disabled", "Disabling", "Deleting", "deleted"):
        return None
    late = stream.known(lambda: stream.age(target, readings))
    gone = state in ("deleted", "Deleting")
    do, do_not = advice.recreate(target, onset.last_read(readings)) if gone else advice.enable(target)
    return Finding(
        cause="esm-disabled",
        severity=_severity(target, readings, late),
        subject=words.subject(target),
        summary=f"the event source mapping is {state.lower()}, nothing reads the stream{words.waiting(late)}",
        since=onset.silent_since(readings, found),
        evidence=evidence.of_mapping(target, readings, found) + evidence_unread.of_changes(readings),
        fix=do,
        avoid=do_not,
        explains=explained_by("esm-disabled"),
        source=f"{GUIDE}/with-kinesis.html",
    )


def efo_consumer_inactive(target: Target, readings: Readings) -> Finding | None:
    """ESM points at a consumer ARN deleted/recreated or not ACTIVE."""
    if not of_source.is_fan_out(target):
        return None
    every: list[Mapping[str, Json]] = readings.document("consumer") or []
    ours = next((one for one in every if one["arn"] == target.source_arn), None)
    if ours and ours["status"] == "ACTIVE":
        return None
    name = of_source.consumer_name(target)
    again = next((one for one in every if one["name"] == name and one is not ours), None)
    said = f"is {ours['status']}" if ours else "was deleted, and there is another" if again else "was deleted"
    late = stream.known(lambda: stream.age(target, readings))
    found = settings.mapping(target, readings)
    do, do_not = advice_unread.repoint(target, ours, again, onset.last_read(readings))
    return Finding(
        cause="efo-consumer-inactive",
        severity=_severity(target, readings, late),
        subject=words.subject(target),
        summary=f"the fan-out consumer {name} that the mapping reads as {said}{words.waiting(late)}",
        since=onset.silent_since(readings, None),
        evidence=(
            Evidence("consumer", f"the mapping's consumer {said}: {target.source_arn}"),
            *evidence_unread.last_result(found),
            *evidence_unread.of_fan_out(readings),
            *evidence_unread.of_silence(target, readings),
        ),
        fix=do,
        avoid=do_not,
        explains=explained_by("efo-consumer-inactive"),
        source="https://docs.aws.amazon.com/kinesis/latest/APIReference/API_DescribeStreamConsumer.html",
    )


def stream_recreated(target: Target, readings: Readings) -> Finding | None:
    """DynamoDB stream disabled and re-enabled, or table replaced: new stream ARN."""
    if "table" not in readings or "/stream/" not in target.source_arn:
        return None
    if (found := settings.mapping(target, readings)) is None:
        return None
    table = readings.document("table") or {}
    on, latest = bool(table.get("stream_enabled")), table.get("stream_arn") or ""
    if (on and latest == target.source_arn) or _is_read(readings, latest if on else ""):
        return None
    late = stream.known(lambda: stream.age(target, readings))
    do, do_not = advice_unread.follow(target, latest if on else "")
    return Finding(
        cause="stream-recreated",
        severity=_severity(target, readings, late),
        subject=words.subject(target),
        summary=f"the table {target.source} has a new stream, and nothing here reads it"
        if on
        else f"the stream of table {target.source} is switched off: its changes go nowhere",
        since=_created(latest) if on else onset.silent_since(readings, None),
        evidence=(
            Evidence("table", f"the table's stream: {latest}" if on else "the table has no stream", None),
            Evidence("mappings", f"the mapping, {found['state']}, reads {target.source_arn}"),
            *evidence_unread.of_silence(target, readings),
        ),
        fix=do,
        avoid=do_not,
        explains=explained_by("stream-recreated"),
        source="https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html",
    )


def permission_or_kms_denied(target: Target, readings: Readings) -> Finding | None:
    """Role lost stream read or key access."""
    found = settings.mapping(target, readings)
    if not found or found["state"] != "Enabled" or _changed_just_now(target, readings, found):
        return None
    if not _reads_nothing(target, readings, found):
        return None
    if efo_consumer_inactive(target, readings) or stream_recreated(target, readings):
        return None
    late = stream.age(target, readings)
    patience = stream.patience_s(target, readings, stream.CURRENT_S)
    if late.measured or late.seconds <= max(stream.limit_s(target), patience):
        return None
    key = _key(target, readings)
    do, do_not = advice_unread.restore(target, stream.known(lambda: settings.role(readings)) or "", key)
    return Finding(
        cause="permission-or-kms-denied",
        severity=_severity(target, readings, late),
        subject=words.subject(target),
        summary="the mapping is enabled, yet reads nothing of what arrives: its role may not read the stream"
        + (" or use its key" if key else "")
        + words.waiting(late),
        since=onset.silent_since(readings, None),
        evidence=(
            Evidence("mappings", f"event source mapping {found['uuid']} is Enabled"),
            *evidence_unread.last_result(found),
            *((Evidence("stream", f"the stream is encrypted with key {key}"),) if key else ()),
            *evidence_unread.of_silence(target, readings),
            evidence.of_age(target, late),
        ),
        fix=do,
        avoid=do_not,
        explains=explained_by("permission-or-kms-denied"),
        source=f"{GUIDE}/with-kinesis.html",
    )


def _severity(target: Target, readings: Readings, late: stream.Age | None) -> Severity:
    """Return the lag's severity; high where none is known yet, for nothing is read."""
    return stream.lag_severity(target, readings, late) if late and late.seconds else Severity.HIGH


def _read_all_the_same(target: Target, readings: Readings) -> bool:
    """Tell whether the function is sent batches although AWS lists no mapping of it at all."""
    if readings.document("mappings"):
        return False
    published = [key for key in WITH_BATCHES if readings.reading(key).status is not Status.EMPTY]
    return any(len(stream.recent(target, readings, key)) for key in published)


def _is_read(readings: Readings, arn: str) -> bool:
    """Tell whether another mapping of the function reads this stream: then the old one is a remnant."""
    every = readings.document("mappings") or []
    return any(m["source_arn"] == arn and m["state"] in ("Enabled", "Enabling", "Creating") for m in every)


def _created(stream_arn: str) -> int | None:
    """Return when a table's stream was made: its label, in UTC (Streams_StreamDescription in the API)."""
    try:
        made = datetime.fromisoformat(stream_arn.rpartition("/")[2])
    except ValueError:
        return None
    return int(made.replace(tzinfo=UTC).timestamp())


def _changed_just_now(target: Target, readings: Readings, found: Mapping[str, Json]) -> bool:
    """Tell whether the mapping was changed so lately that it may not have begun to read."""
    patience = stream.patience_s(target, readings, stream.GAP_S)
    return bool(found["last_modified"]) and found["last_modified"] > readings.window.end - patience


def _reads_nothing(target: Target, readings: Readings, found: Mapping[str, Json]) -> bool:
    """Tell whether an enabled mapping gets nothing out of the stream, with a sign that reading is what fails.

    The sign is a count of 0 records read, or a last result that is a problem other than the function's own.
    """
    if _running(target, readings, "invocations") or _running(target, readings, "throttles"):
        return False
    if any(_published(target, readings, key) for key in WITH_BATCHES):
        return False
    if settings.reserved(readings) == 0 or stream.filters_drop_all(target, readings):
        return False
    if not stream.recent_total(target, readings, "incoming"):
        return False
    if "events-polled" in readings:
        return not _running(target, readings, "events-polled")
    result = found["last_result"] or ""
    return result.startswith("PROBLEM") and result != CALL_FAILED


def _published(target: Target, readings: Readings, key: str) -> bool:
    """Tell whether what only an invocation publishes has a datapoint of now; UnreadError if not read."""
    reading = readings.reading(key)
    if reading.status is Status.FAILED:
        raise UnreadError(key, reading.reason)
    end = readings.window.end
    since = end - stream.patience_s(target, readings, stream.CURRENT_S)
    return any(since <= at < end for at, _ in reading.points)


def _running(target: Target, readings: Readings, key: str) -> bool:
    """Tell whether a counter counts now; one without a datapoint does not, one not read is unknown."""
    if readings.reading(key).status is Status.EMPTY:
        return False
    return stream.recent_total(target, readings, key) > 0


def _key(target: Target, readings: Readings) -> str:
    """Return the key that a Kinesis stream is encrypted with, or ""."""
    if target.trigger != "kinesis":
        return ""
    document = stream.known(lambda: readings.document("stream")) or {}
    return (document.get("key") or "") if document.get("encryption") == "KMS" else ""
