"""What is said of AWS's own move task, planned and done, word for word."""

from dataclasses import replace

from envelope import check

from opskit.aws.sqs import Depth
from opskit.model import Cost, Gap
from opskit.redrive.move_task import Moved, Task, describe, plan, progress
from opskit.redrive.place import Letterbox, SourceQueue
from opskit.render.canvas import Output
from opskit.render.envelope import Envelope
from opskit.render.moves import render_moved, render_plan

ACCOUNT = "123456789012"
ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"
URL = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/"
SOURCE = SourceQueue(f"{URL}orders", f"{ARN}orders", 3, 30, 345_600, 262_144, Depth(0, 0, 0))
BOX = Letterbox(
    f"{URL}orders-dlq",
    f"{ARN}orders-dlq",
    1_209_600,
    262_144,
    Depth(1200, 2, 0),
    (SOURCE,),
    redrives_itself=False,
)
ENVELOPE = Envelope("redrive-dlq", ACCOUNT, "us-east-1", "prod", cost=Cost(api_calls=4))
STARTED_MS = 1_790_000_000_000
DONE = Task("COMPLETED", per_second=10, moved=1200, to_move=1200, started_at_ms=STARTED_MS)


def test_a_dry_run_says_what_would_be_asked_and_what_it_has_not() -> None:
    assert render_plan(plan(BOX, None, 10), ENVELOPE, Output.PLAIN) == (
        "dry run: nothing is moved\n"
        "where    account 123456789012, us-east-1, prod\n"
        "from     orders-dlq: about 1,200 messages; 2 in flight stay, until they are visible\n"
        "to       each message's own source queue: orders\n"
        "rate     at most 10/s: 2 min or more\n"
        "note     --server-side leaves the move to AWS: no canary, no filter, no receipt, no undo; "
        "whether the consumer is well is not looked at\n"
        "do it    opskit redrive-dlq orders-dlq --server-side --rate 10 --apply"
    )


def test_without_a_rate_aws_chooses_and_a_named_destination_is_said() -> None:
    other = replace(BOX, url=f"{URL}other", arn=f"{ARN}other")
    said = render_plan(plan(BOX, other), ENVELOPE, Output.PLAIN)
    assert "to       queue other\nrate     AWS chooses; a task may take 36 h at most\n" in said
    assert said.endswith("opskit redrive-dlq orders-dlq --server-side --to other --apply")


def test_the_plan_is_a_step_of_the_contract() -> None:
    document = check(render_plan(plan(BOX, None, 10), ENVELOPE, Output.JSON))
    assert document["steps"] == [
        {
            "service": "sqs",
            "operation": "StartMessageMoveTask",
            "parameters": {"SourceArn": f"{ARN}orders-dlq", "MaxNumberOfMessagesPerSecond": 10},
            "why": "move the messages of orders-dlq to each message's own source queue: orders",
        }
    ]
    assert (document["verdict"], document["move_task"]["applied"]) == ("ok", False)
    assert document["next"] == ["opskit redrive-dlq orders-dlq --server-side --rate 10 --apply"]


def test_a_source_that_could_not_be_read_is_said_and_leaves_the_verdict_open() -> None:
    gap = Gap("source queue orders", "denied: needs sqs:GetQueueAttributes")
    box = replace(BOX, sources=(), gaps=(gap,))
    said = render_plan(plan(box), ENVELOPE, Output.PLAIN)
    assert "to       each message's own source queue: AWS knows which\n" in said
    assert "unknown  could not look at source queue orders: denied: needs sqs:GetQueueAttributes\n" in said
    assert check(render_plan(plan(box), ENVELOPE, Output.JSON))["verdict"] == "unknown"


def test_a_task_that_is_through_says_what_was_moved_and_what_is_left() -> None:
    moved = Moved(BOX, DONE, 121.04, Depth(3, 1, 0))
    assert render_moved(moved, ENVELOPE, Output.PLAIN) == (
        "COMPLETED: AWS moved 1,200 of about 1,200 messages of orders-dlq in 2 min 1 s\n"
        "left     3 visible, 1 in flight in orders-dlq; approximate, up to a minute late"
    )
    document = check(render_moved(moved, ENVELOPE, Output.JSON))
    assert (document["verdict"], document["cost"]["api_calls"]) == ("ok", 4)
    body = document["move_task"]
    assert (body["status"], body["moved"], body["to_move"]) == ("COMPLETED", 1200, 1200)
    assert (body["left"], body["seconds"]) == ({"visible": 3, "in_flight": 1, "delayed": 0}, 121.04)
    assert body["started"] == "2026-09-21T14:13:20Z"


def test_a_failed_task_is_a_finding_with_its_meaning() -> None:
    failed = replace(DONE, status="FAILED", moved=7, failure="CouldNotDetermineMessageSource")
    moved = Moved(BOX, failed, 3, Depth(1193, 0, 0))
    assert render_moved(moved, ENVELOPE, Output.MARKDOWN) == (
        "# FAILED: AWS moved 7 of about 1,200 messages of orders-dlq in 3 s\n\n"
        "- **left** 1,193 visible, 0 in flight in orders-dlq; approximate, up to a minute late\n"
        "- **high** queue orders-dlq: AWS's move task failed after 7 of about 1,200: "
        "CouldNotDetermineMessageSource: AWS does not know which queue a message came from: "
        "it was sent to the dead-letter queue itself\n"
        "- **fix** name the destination: --to QUEUE"
    )
    document = check(render_moved(moved, ENVELOPE, Output.JSON))
    assert (document["verdict"], document["severity"]) == ("breach", "high")


def test_a_failure_that_nobody_knows_is_told_harmlessly() -> None:
    moved = Moved(BOX, replace(DONE, status="FAILED", failure="\x1b[2Jwhat"), 3, None)
    said = render_moved(moved, ENVELOPE, Output.PLAIN)
    assert r"1,200 of about 1,200: \x1b[2Jwhat: the rest stays where it is" in said
    assert "unknown  could not look at messages left: the queue's counts could not be read" in said


def test_progress_has_the_rate_and_the_time_left() -> None:
    task = Task("RUNNING", moved=300, to_move=1200, started_at_ms=STARTED_MS)
    assert progress(task, 100, 20) == "moved 300 of about 1,200 (25 %), 10/s, 1 min 30 s left"
    assert progress(task, 300, 20) == "moved 300 of about 1,200 (25 %)"
    assert progress(task, 300, 0) == "moved 300 of about 1,200 (25 %)"
    assert progress(Task("RUNNING"), 0, 2) == "moved 0 of about an unknown number"
    assert progress(replace(task, status="CANCELLING"), 300, 2).startswith("being cancelled: moved 300")


def test_a_task_is_described_in_one_line() -> None:
    task = Task("RUNNING", moved=5, to_move=9, started_at_ms=STARTED_MS, destination_arn=f"{ARN}other")
    assert describe(task, STARTED_MS / 1000 + 60) == (
        "RUNNING, moved 5 of about 9 to other, at a rate that AWS chooses, started 14:13 UTC"
    )
