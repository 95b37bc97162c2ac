"""Fixed looks at a fleet that the tests of `opskit health`'s forms share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from opskit.health import judging
from opskit.health.indicators import INDICATORS
from opskit.health.model import Cell, Figure, Health, Place, Row, Since, State
from opskit.inventory.worker import Source, Worker
from opskit.model import Cost, Finding, Gap, Severity, Window
from opskit.series import Point

ZONE = timezone(timedelta(hours=1), "CET")
END = int(datetime(2026, 11, 25, 3, 8, tzinfo=UTC).timestamp())
WINDOW = Window(END - 3600, END)
PLACE = Place("123456789012", "us-east-1", "prod")
COST = Cost(api_calls=14, metrics=96, usd=0.00096)
DENIED = "denied: needs cloudwatch:GetMetricData"
LONG = (
    "the endpoint's certificate is of another name: expected api.example.com, got "
    "*.staging.example.com, issued by Example Trust Services, valid until 2026-12-24 03:10 UTC"
)

OF_TRIGGER = {
    "kinesis": ("iterator-age", "mapping", "dead-letters", "lost"),
    "sqs": ("depth", "queue-age", "mapping", "dead-letters"),
    "rest-api": ("api-5xx", "api-4xx", "endpoint"),
    "schedule": (),
}
ALWAYS = ("errors", "throttles", "duration", "concurrency", "exists")


def ramp(peak: float) -> tuple[Point, ...]:
    return tuple((END - 3600 + 60 * i, peak * max(0, i - 30) / 29) for i in range(60))


def worker(name: str, trigger: str = "kinesis", source: str = "scores", region: str = "us-east-1") -> Worker:
    function = f"prd2011-prod-{region}-{name}"
    return Worker(name, function, "prod", region, (Source(trigger, source),))


def ok(indicator: str) -> Cell:
    if indicator == "duration":
        text = "95 of 100 executions take up to 1.2 s of a timeout of 30 s"
        series = tuple((END - 3600 + 300 * i, 1200.0 + 10 * i) for i in range(12))
        return Cell("duration", State.OK, "1.2 s", text, None, 1200.0, 24_000.0, "ms", None, series)
    if indicator in ("errors", "throttles"):
        return Cell(indicator, State.OK, "", f"no {indicator} in the judged time", None, 0.0, 0.0, "count")
    if indicator == "depth":
        return Cell("depth", State.OK, "12", "12 messages wait", None, 12.0, 1000.0, "count")
    return Cell(indicator, State.OK, "", "as it should be")


AGE = Cell(
    "iterator-age", State.CRIT, "12 min",
    "at the slowest shard records reach it 12 min late, 13 min at most in the last 5 min", Severity.HIGH,
    780.0, 120.0, "s", END - 22 * 60, ramp(780.0),
)  # fmt: skip
ERRORS = Cell(
    "errors", State.CRIT, "31", "31 errors in the last 5 min, more than 5", Severity.CRITICAL, 31.0, 5.0,
    "count", END - 25 * 60, ramp(9.0),
)  # fmt: skip
FEW = Cell(
    "errors", State.WARN, "2/h", "2 errors in the judged time, none sustained", Severity.LOW, 2.0, 0.0,
    "count", None, ((END - 1800, 2.0),),
)  # fmt: skip
DEPTH = Cell(
    "depth", State.WARN, "1,204", "1,204 messages wait", Severity.MEDIUM, 1204.0, 1000.0, "count",
    END - 4 * 3600, ramp(1204.0),
)  # fmt: skip
ENDPOINT = Cell("endpoint", State.CRIT, "", LONG, Severity.HIGH)
FIGURES = (
    Figure("invocations", "94/min", 94.0, "per min"),
    Figure("batch size", "not measured"),
    Figure("filtered", "12.5%", 12.5, "percent"),
)


def unknown(indicator: str, signal: str = "errors", reason: str = DENIED) -> Cell:
    return judging.unknown(indicator, signal, reason)


def row(of: Worker, *cells: Cell, place: Place = PLACE, figures: tuple[Figure, ...] = FIGURES) -> Row:
    """A row of all indicators that fit; those that are not given are OK."""
    given = {cell.indicator: cell for cell in cells}
    fits = (*ALWAYS, *OF_TRIGGER[of.trigger], *given)
    return Row(of, place, tuple(given.get(name, ok(name)) for name in INDICATORS if name in fits), figures)


def health(*rows: Row, found: tuple[Finding, ...] = (), gaps: tuple[Gap, ...] = ()) -> Health:
    places = tuple(dict.fromkeys(one.place for one in rows)) or (PLACE,)
    return Health(
        places,
        WINDOW,
        rows,
        judging.ranked((*judging.findings(rows), *found)),
        (*judging.gaps(rows), *gaps),
        COST,
    )


SCORE = worker("scoreUsers")
SITE = worker("notificationPreferencesApi", "rest-api", "site")
DIGEST = worker("sendDigest", "sqs", "digests")
NIGHTLY = worker("closeBooks", "schedule", "nightly")
UNHEARD = Finding(
    "alarm-topic-unheard",
    Severity.HIGH,
    "alerts-warning",
    "12 alarms tell only alerts-warning, which nobody has subscribed to",
    fix=(
        "aws sns list-subscriptions-by-topic --topic-arn arn:aws:sns:us-east-1:123456789012:alerts-warning",
    ),
)
HISTORY = Gap("alarm-actions", "denied: needs cloudwatch:DescribeAlarmHistory", ("alarm-action-failed",))

HEALTHY = replace(
    health(row(SCORE), row(DIGEST), row(NIGHTLY)), alarms="31 judged, 0 in ALARM, 2 others in the account"
)
UNKNOWN = health(
    row(SCORE, *(unknown(name) for name in (*ALWAYS, *OF_TRIGGER["kinesis"])), figures=()),
    row(
        DIGEST, unknown("queue-age", "queue-age", "messages wait, but no age was published in the last 5 min")
    ),
    row(NIGHTLY),
    gaps=(HISTORY,),
)
BREACH = replace(
    health(
        row(NIGHTLY, FEW),
        row(SCORE, ERRORS, AGE, unknown("lost", "stream", "denied: needs kinesis:DescribeStreamSummary")),
        row(SITE, ENDPOINT, figures=(Figure("invocations", "no data"),)),
        row(DIGEST, DEPTH),
        found=(UNHEARD,),
        gaps=(HISTORY,),
    ),
    alarms="31 judged, 2 in ALARM, 2 others in the account",
    notes=("not deployed in us-east-1, but elsewhere: auditTrail (eu-west-1)",),
    run="1v7k2m9xyz",
)
SINCE = replace(
    BREACH,
    since_last=Since(
        "1v7k2abcde",
        END - 86_400,
        {
            ("scoreUsers", "errors"): "worse",
            ("scoreUsers", "iterator-age"): "new",
            ("sendDigest", "depth"): "same",
            ("closeBooks", "errors"): "better",
        },
        (("auditLog", "throttles"), ("sendDigest", "queue-age")),
    ),
)
ELSEWHERE = replace(PLACE, region="eu-west-1")


def _placed(place: Place, *cells: Cell) -> tuple[Row, ...]:
    return (row(worker("scoreUsers", region=place.region), *cells, place=place), row(NIGHTLY, place=place))


_THERE = judging.findings(_placed(ELSEWHERE, ERRORS))
PLACES = replace(
    health(*_placed(PLACE), *_placed(ELSEWHERE, ERRORS), gaps=(Gap("ap-south-1", "no answer within 60 s"),)),
    findings=tuple(replace(one, subject=f"{one.subject} (eu-west-1)") for one in _THERE),
)
FLEET = health(
    *(
        row(worker(f"worker{i:03}", ("kinesis", "sqs", "schedule")[i % 3], f"source{i:03}"))
        for i in range(199)
    ),
    row(worker("aVeryLongNameOfAWorkerThatNobodyCanRead"), AGE),
)
LOOKS = {
    "healthy": HEALTHY,
    "unknown": UNKNOWN,
    "breach": BREACH,
    "since": SINCE,
    "places": PLACES,
    "fleet": FLEET,
}
