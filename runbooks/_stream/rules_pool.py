"""The rule about the pool of concurrency that all functions of an account and region share."""

from opskit.model import Finding, Readings, Target
from opskit.render.figures import number
from runbooks._stream import advice_load, evidence_load, settings, words
from runbooks._stream import facts as stream
from runbooks._stream import since as onset
from runbooks._stream.chains import explained_by
from runbooks._stream.pool import pool

MOSTLY_OURS = 0.5
"""Share of what is taken from which this function is the top consumer itself."""


def account_concurrency_exhausted(target: Target, readings: Readings) -> Finding | None:
    """Another function takes the pool."""
    if settings.reserved(readings) is not None or not stream.is_throttled(target, readings):
        return None
    found = pool(target, readings)
    if not found.exhausted:
        return None
    running = stream.known(lambda: stream.recent(target, readings, "concurrency").values)
    own = max(running or (), default=0.0)
    who = "this function takes the most itself" if own >= MOSTLY_OURS * found.taken else "others take it"
    do, do_not = advice_load.share_pool(target, readings, found.limit)
    return Finding(
        cause="account-concurrency-exhausted",
        severity=words.throttle_severity(target, readings, stream.recent(target, readings, "throttles")),
        subject=target.function,
        summary=f"{number(found.taken)} of the account's {number(found.limit)} concurrent executions are "
        f"taken and this function has none reserved: its batches are throttled; {who}",
        since=onset.throttled_since(readings),
        evidence=evidence_load.of_pool(target, readings, found),
        fix=do,
        avoid=do_not,
        explains=explained_by("account-concurrency-exhausted"),
        source="https://docs.aws.amazon.com/lambda/latest/dg/monitoring-concurrency.html",
    )
