"""Fixed reports that the renderer, channel, journal and command-line tests share."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from opskit.model import (
    Cost,
    Evidence,
    Fact,
    Finding,
    Gap,
    LogQuery,
    Metric,
    Report,
    Role,
    Severity,
    Target,
    Verdict,
    Window,
)
from opskit.render.canvas import Canvas

END = int(datetime(2026, 11, 24, 3, 10, tzinfo=UTC).timestamp())
ZONE = timezone(timedelta(hours=1), "CET")
CANVAS = Canvas(width=80, zone=ZONE)
FUNCTION = "prd2011-prod-us-east-1-scoreUsers"
FIX = "aws lambda update-event-source-mapping --uuid 5f3a-11 --maximum-retry-attempts 3 --region us-east-1"

TARGET = Target(
    worker="scoreUsers",
    function=FUNCTION,
    trigger="kinesis",
    env="prod",
    region="us-east-1",
    account="123456789012",
    source_arn="arn:aws:kinesis:us-east-1:123456789012:stream/scores",
    mapping_uuid="5f3a-11",
    log_group=f"/aws/lambda/{FUNCTION}",
)

AGES = tuple((END - 3 * 3600 + 60 * i, 60_000.0 * max(0, i - 90)) for i in range(180))

POISON = Finding(
    cause="poison-record-shard",
    severity=Severity.CRITICAL,
    subject="scoreUsers, stream scores",
    summary="one record fails again and again and blocks its shard",
    since=END - 47 * 60,
    evidence=(
        Evidence("age", "IteratorAge, the oldest shard", 5_340_000, 120_000, "ms", END - 60, AGES),
        Evidence("errors", "Errors a minute", 12, 5, "count", END - 60),
        Evidence("text", "same error text: \x1b[31mKeyError\x1b[0m [bold]'score'[/bold]"),
    ),
    fix=(
        FIX,
        "find who deployed it: aws cloudtrail lookup-events --region us-east-1",
        "then mend the parser, which refuses a record without a score",
    ),
    avoid=("do not add shards: the record stays where it is",),
    source="L7",
    chain=1,
)
LAG = Finding(
    cause="stream-lag",
    severity=Severity.HIGH,
    subject="scoreUsers, stream scores",
    summary="records wait 1 h 29 min",
    role=Role.EFFECT,
    chain=1,
)
THROTTLE = Finding(
    cause="reserved-concurrency-throttle",
    severity=Severity.MEDIUM,
    subject="scoreUsers",
    summary="the function may run 2 at a time, 4 are needed",
    chain=2,
)

BREACH = Report(
    command="diagnose",
    runbook="stream-lag",
    target=TARGET,
    window=Window(END - 3 * 3600, END),
    verdict=Verdict.BREACH,
    severity=Severity.CRITICAL,
    findings=(POISON, LAG, THROTTLE),
    gaps=(
        Gap("shard-age", "AccessDenied: cloudwatch:GetMetricData", ("hot-shard",)),
        Gap("polled", "AccessDenied: cloudwatch:GetMetricData", ("esm-disabled", "hot-shard")),
        Gap("errors-by-text", "timed out after 60 s"),
    ),
    facts=(
        Fact("data-loss", "records start to expire at 04:10 UTC", 3600, "s", END + 3600),
        Fact("drain", "the consumer drains 120 records/s, 80 arrive", 120, "records/s"),
    ),
    cost=Cost(api_calls=11, metrics=23, bytes_scanned=1_234_567, usd=0.00032),
    run="01jd9x8k2a",
    endpoint="http://127.0.0.1:4566",
    next_commands=("opskit diagnose stream-lag --fn scoreUsers --since 6h",),
)
HEALTHY = replace(
    BREACH,
    verdict=Verdict.OK,
    severity=None,
    findings=(),
    gaps=(),
    facts=(),
    endpoint="",
    next_commands=(),
    run="",
)
UNKNOWN = replace(HEALTHY, verdict=Verdict.UNKNOWN, gaps=BREACH.gaps)
ASKED = {
    "age": Metric("AWS/Lambda", "IteratorAge", (("FunctionName", FUNCTION),), "Maximum"),
    "errors": Metric("AWS/Lambda", "Errors", (("FunctionName", FUNCTION),), "Sum"),
    "unasked": Metric("AWS/Lambda", "Throttles", (("FunctionName", FUNCTION),), "Sum"),
    "error-texts": LogQuery((f"/aws/lambda/{FUNCTION}",), "fields @message\n| limit 5", ("@message",)),
}
LOSS = replace(
    BREACH,
    findings=(replace(POISON, since=BREACH.window.start), LAG),
    gaps=(),
    facts=(
        Fact("data-loss", "records are being lost now: the oldest is 1 d old, retention 1 d", 0, "s", END),
    ),
    endpoint="",
    asked=ASKED,
)
