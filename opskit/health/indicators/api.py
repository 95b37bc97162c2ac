"""An API's answers: server errors and client errors as shares of its requests."""

from opskit.health.asking import APIS, api_id
from opskit.health.endpoint import judge
from opskit.health.holding import RECENT_S, judged, onset, recent, said
from opskit.health.model import Cell, State
from opskit.inventory.worker import Worker
from opskit.model import Readings, Severity, Status, UnreadError
from opskit.render.figures import counted, number
from opskit.series import Series
from opskit.thresholds import Threshold, When


def server_errors(worker: Worker, readings: Readings) -> Cell | None:
    """5XX answers; a missing or throttled function is one too."""
    return _errors(worker, readings, "api-5xx", "5xx", "api_5xx")


def client_errors(worker: Worker, readings: Readings) -> Cell | None:
    """4XX answers: 429 is one, so a throttled client shows here."""
    return _errors(worker, readings, "api-4xx", "4xx", "api_4xx")


def endpoint(worker: Worker, readings: Readings) -> Cell | None:
    """The API as its clients see it: name, connection, certificate, and its health route's answer."""
    if worker.trigger not in APIS:
        return None
    if "endpoint" not in readings:
        _found(worker, readings, "endpoint")
    document = readings.document("endpoint")
    judged_as = judge(document, guarded=not worker.expected.get("health_path"))
    if judged_as.state == "unknown":
        raise UnreadError("endpoint", judged_as.text)
    of = {"ok": State.OK, "warn": State.WARN, "crit": State.CRIT}[judged_as.state]
    bad = {State.WARN: Severity.MEDIUM, State.CRIT: Severity.HIGH}.get(of)
    shown = str(document["status"] or "") if of is not State.OK else ""
    return said("endpoint", of, shown, judged_as.text, bad)


def _found(worker: Worker, readings: Readings, key: str) -> None:
    """Raise UnreadError if the API cannot be told, or there is none: then `key` is silent for that reason."""
    readings.document("apis")
    if not api_id(worker, readings):
        raise UnreadError(key, f"there is no API named {worker.sources[0].name}")


def _errors(worker: Worker, readings: Readings, indicator: str, key: str, limit_name: str) -> Cell | None:
    if worker.trigger not in APIS:
        return None
    limit = worker.limits[limit_name]
    if "requests" not in readings:
        _found(worker, readings, "requests")
    if readings.reading("requests").status is Status.EMPTY:
        _found(worker, readings, "requests")
        return judged(indicator, limit, State.OK, "idle", "no requests in the judged time")
    requests = readings.series("requests")
    failed = _beside(readings.series(key), requests)
    percent = _percent(failed, requests)
    of = _state(limit, failed, requests, percent, readings)
    now, asked = (recent(series, readings.window).total for series in (failed, requests))
    share = 100 * now / asked if asked else 0.0
    return judged(
        indicator,
        limit,
        of,
        f"{share:.1f}%" if share else "",
        f"{number(now)} of {counted(asked, 'request', 'requests')} in the last 5 min",
        value=share,
        series=percent,
        since=onset(percent, lambda value: value > (limit.warn or 0), readings.window)
        if of is not State.OK
        else None,
    )


def _state(limit: Threshold, failed: Series, requests: Series, percent: Series, readings: Readings) -> State:
    """Judge shares: of one minute's requests, or of all requests of several minutes together."""
    ends = range(readings.window.end, readings.window.end - RECENT_S, -60)

    def exceeded(when: When, above: float) -> bool:
        for end in ends:
            start = end - when.of * 60
            if when.total:
                asked = requests.between(start, end).total
                if asked and 100 * failed.between(start, end).total / asked > above:
                    return True
            elif sum(value > above for value in percent.between(start, end).values) >= when.minutes:
                return True
        return False

    if limit.crit is not None and exceeded(limit.crit_when, limit.crit):
        return State.CRIT
    return State.WARN if limit.warn is not None and exceeded(limit.warn_when, limit.warn) else State.OK


def _beside(failed: Series, requests: Series) -> Series:
    """Return the failures of the minutes whose requests are known: one of the two may be read in part."""
    known = {at for at, _ in requests.points}
    return Series(tuple(point for point in failed.points if point[0] in known))


def _percent(failed: Series, requests: Series) -> Series:
    of = dict(requests.points)
    shares = ((at, 100 * value / of[at]) for at, value in failed.points if of.get(at))
    return Series(tuple(shares))
