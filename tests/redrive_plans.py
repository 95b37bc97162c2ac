"""Plans and receipts by hand, for the tests of what is said of them."""

from typing import Any

from opskit.aws.sqs import Depth
from opskit.inventory.worker import Source, Worker
from opskit.model import Finding, Gap, Severity
from opskit.redrive.consumer import Consumer, Found, Judgement
from opskit.redrive.place import Letterbox, SourceQueue
from opskit.redrive.plan import Plan, Terms
from opskit.redrive.receipt import Receipt
from opskit.redrive.tally import Halt
from opskit.redrive.told import Told

PLACE = "arn:aws:sqs:us-east-1:123456789012"
NONE = Depth(0, 0, 0)


def source(name: str = "fan-updates", **more: Any) -> SourceQueue:
    url = f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}"
    given = {"max_receives": 3, "visibility_s": 30, "retention_s": 345_600, "max_bytes": 1_048_576}
    return SourceQueue(url, f"{PLACE}:{name}", **{**given, "depth": NONE, **more})


def box(name: str = "fan-updates-dlq", **more: Any) -> Letterbox:
    url = f"https://sqs.us-east-1.amazonaws.com/123456789012/{name}"
    given: dict[str, Any] = {
        "retention_s": 1_209_600, "max_bytes": 1_048_576, "depth": Depth(1200, 3, 0),
        "sources": (source(),), "redrives_itself": False,
    }  # fmt: skip
    return Letterbox(url, f"{PLACE}:{name}", **{**given, **more})


def judged(*findings: Finding, gaps: tuple[Gap, ...] = (), notes: tuple[str, ...] = ()) -> Judgement:
    where = (Source("sqs", "fan-updates", f"{PLACE}:fan-updates"),)
    worker = Worker("scoreUsers", "prd2011-prod-us-east-1-scoreUsers", "", "", where)
    reader = Consumer(worker, "/aws/lambda/scoreUsers", 30, 3, "uuid", "Enabled")
    return Judgement(Found((reader,)), findings, gaps, notes)


SICK = Finding(
    "consumer-errors", Severity.CRITICAL, "scoreUsers", "9 errors in 5 min",
    fix=("see its log",), avoid=("redriving now",),
)  # fmt: skip
UNREAD = Gap("errors", "denied: needs GetMetricData", ("scoreUsers errors",))


def planned(*judgements: Judgement, **more: Any) -> Plan:
    return Plan(**{"box": box(), "queues": (source(),), "terms": Terms(), "judgements": judgements, **more})


def receipt(**more: Any) -> Receipt:
    """Everything went well; `more` says what did not."""
    given: dict[str, Any] = {
        "run": "1abcdefghi", "read": 1203, "moved": 1203, "returned": 0, "left": {}, "failures": (),
        "failed": 0, "undeleted": 0, "unknown": 0, "duplicates": (), "doubtful": 0, "came_back": (),
        "before": {"fan-updates-dlq": Depth(1200, 3, 0)}, "after": {"fan-updates-dlq": NONE},
        "canary": "consumed: scoreUsers's log names it in an execution that ended well", "seconds": 42.34,
    }  # fmt: skip
    return Receipt(**{**given, **more})


def told(plan: Plan | None = None, command: str = "", of: Receipt | None = None) -> Told:
    return Told(plan or planned(judged()), "prod", command, run=of.run if of else "", receipt=of)


STOPPED = receipt(
    read=70, moved=60, returned=2, left={"not chosen": 4, "not reached": 1}, failed=1, undeleted=1, unknown=1,
    failures=(("00000000-0000-4000-8000-000000000001", "too large\x1b[0m"),),
    duplicates=tuple(f"00000000-0000-4000-8000-{n:012d}" for n in range(7)), doubtful=7,
    came_back=("00000000-0000-4000-8000-000000000002",), after={"fan-updates-dlq": Depth(1150, 0, 0)},
    halt=Halt("guard", "alarm pager in ALARM"), unreached=3, resumed=1, unseen=("metrics: denied",),
)  # fmt: skip
"""Whatever can go wrong did."""
