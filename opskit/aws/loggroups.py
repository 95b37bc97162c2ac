"""What a log group is: its class and retention, and whether it holds anything in a window."""

from dataclasses import dataclass

from opskit.aws.events import Ask, Pace, read
from opskit.aws.faults import FAULTS, Fault, explain
from opskit.aws.session import Aws

STANDARD = "STANDARD"
DELIVERY = "DELIVERY"
"""The class of a group that only passes logs on to S3 or Firehose: nothing in it can be searched."""
_PAGES = 3


@dataclass(frozen=True, slots=True)
class Group:
    """A group as DescribeLogGroups has it; `retention_days` None keeps lines for ever."""

    name: str
    arn: str
    log_class: str = STANDARD
    retention_days: int | None = None
    created_ms: int = 0


def describe(aws: Aws, name: str) -> Group | Fault:
    """Return the group of exactly this name; a fault if there is none, or it cannot be told."""
    token: str | None = None
    try:
        for _ in range(_PAGES):
            more = {"nextToken": token} if token else {}
            page = aws.client("logs").describe_log_groups(logGroupNamePrefix=name, **more)
            for one in page.get("logGroups", ()):
                if one.get("logGroupName") == name:
                    return _group(one)
            token = page.get("nextToken")
            if not token:
                break
    except FAULTS as error:
        return explain(error, "logs", "DescribeLogGroups")
    return Fault("ResourceNotFoundException", "there is no such log group")


def _group(one: dict[str, object]) -> Group:
    days, created = one.get("retentionInDays"), one.get("creationTime")
    return Group(
        name=str(one.get("logGroupName", "")),
        arn=str(one.get("logGroupArn") or str(one.get("arn", "")).removesuffix(":*")),
        log_class=str(one.get("logGroupClass") or STANDARD),
        retention_days=days if isinstance(days, int) else None,
        created_ms=created if isinstance(created, int) else 0,
    )


def holds_any(aws: Aws, ask: Ask, pace: Pace) -> bool | None:
    """Tell whether a group holds any line in the window; None if that cannot be told."""
    heard = read(aws, Ask(ask.group, ask.start_ms, ask.end_ms, most=1), None, pace)
    return True if heard.lines else (None if heard.gap else False)


def last_event_ms(aws: Aws, name: str) -> int | None:
    """Return the time of a group's last line as DescribeLogStreams has it, which may be an hour late.

    None if there is none, or it cannot be told.
    """
    try:
        page = aws.client("logs").describe_log_streams(
            logGroupName=name, orderBy="LastEventTime", descending=True, limit=1
        )
    except FAULTS:
        return None
    return (
        max((int(one.get("lastEventTimestamp") or 0) for one in page.get("logStreams", ())), default=0)
        or None
    )
