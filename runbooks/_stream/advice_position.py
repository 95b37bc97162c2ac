"""What to do about a mapping that works off a backlog, or that is told to send the same records again."""

from opskit.model import Target
from opskit.render.figures import clock
from runbooks._stream.advice import Advice


def wait(target: Target, done: int | None, now: int, *, started: bool) -> Advice:
    """Advise on a backlog that is being worked off; `started`: the mapping was told to begin far back."""
    again = "in a few minutes" if done is None else f"at {clock(done, now)}: the age falls steadily"
    return (
        (
            f"wait, and look again {again}",
            "keep the alarm quiet until then, not longer"
            + (f": {target.function} was started so" if started else ""),
        ),
        (
            "do not restart, recreate or disable the mapping: it would begin again or stand still",
            "do not widen it in haste: more concurrency presses what it writes to while most is written",
        ),
    )


def report_rightly(target: Target, changed: int | None) -> Advice:
    """Advise on a response that makes Lambda send the same records again."""
    group = target.log_group or f"/aws/lambda/{target.function}"
    tail = f"aws logs tail {group} --since 15m --region {target.region}"
    do = [f"see what it answers; itemIdentifier must be the sequence number of a record of the batch: {tail}"]
    if changed is not None:
        do.append(
            "roll back: it began with a change of the function: aws lambda list-versions-by-function "
            f"--function-name {target.function} --region {target.region}"
        )
    do.append(
        "answer with the batch processor of a library instead of by hand; an empty list means all succeeded"
    )
    do.append(
        "if one record really never succeeds: mend what refuses it, or keep it aside and report it as done"
    )
    return tuple(do), (
        "do not bound the retries first: good records would be given up with the bad answer",
        "do not switch off ReportBatchItemFailures: what did fail would count as processed",
        "do not add shards, parallelization or memory: the same records come again",
    )
