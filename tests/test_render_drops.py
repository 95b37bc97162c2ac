"""What is said of dropped and restored messages when something went wrong, word for word."""

from dataclasses import replace
from pathlib import Path

from envelope import check
from test_render_moves import BOX, ENVELOPE

from opskit.dlq.box import Feed, Kind
from opskit.dlq.feeds import Fed
from opskit.exits import Exit
from opskit.model import Gap
from opskit.redrive.drop import Dropped, Kept, Stop
from opskit.redrive.outcome import Status
from opskit.redrive.restore import Restored, Unsent
from opskit.render.canvas import Output
from opskit.render.drops import render_dropped, render_restored

FED = Fed((Feed(Kind.STREAM, "orders", "takeOrders"), Feed(Kind.SERVICE, "SNS")))
FAILED = tuple(Kept(f"id-{number}", "InternalError: try again") for number in range(7))
PARTLY = Dropped(BOX, 20, 10, FAILED, backup=Path("b.jsonl"), applied=True, hidden_s=60, unreleased=2)
SENT = Restored(
    Path("b.jsonl"),
    BOX,
    12,
    5,
    1,
    (
        Unsent("id-1", Status.REFUSED, "300000 bytes, and queue orders-dlq takes 262144"),
        Unsent("id-2", Status.DOUBTFUL, "no answer from http://127.0.0.1 in time"),
    ),
    applied=True,
    exit_early=Exit.UNDETERMINED,
    reason="no answer from http://127.0.0.1 in time",
)


def test_a_receipt_tells_what_failed_and_how_to_put_back() -> None:
    assert render_dropped(PARTLY, FED, replace(ENVELOPE, command="dlq drop"), Output.PLAIN, "") == (
        "dropped 10 messages of orders-dlq\n"
        "where    account 123456789012, us-east-1, prod\n"
        "fed by   stream orders of takeOrders, SNS by its policy\n"
        "read     20 = 10 dropped + 3 kept + 7 failed\n"
        "failed   id-0, id-1, id-2, id-3, id-4 and 2 more; --output json names all\n"
        "medium   queue orders-dlq: 7 messages were not surely deleted (InternalError: try again): in the "
        "backup, and perhaps in the queue too; restoring the backup can make duplicates of them\n"
        "unknown  could not look at visibility: 2 are still hidden; they come back by themselves within "
        "1 min\n"
        "backup   b.jsonl\n"
        "undo     opskit dlq restore b.jsonl --to orders-dlq --apply"
    )


def test_a_receipt_as_json_names_every_failed_message() -> None:
    stopped = replace(PARTLY, stop=Stop.DISK, reason="backup b.jsonl: No space left on device")
    envelope = replace(ENVELOPE, command="dlq drop")
    document = check(render_dropped(stopped, FED, envelope, Output.JSON, ""))
    assert len(document["drop"]["failed"]) == 7
    assert document["drop"]["stopped"] == "backup b.jsonl: No space left on device"
    assert (document["verdict"], stopped.exit) == ("breach", 4)
    assert document["drop"]["fed_by"] == [
        {"kind": "stream", "name": "orders", "function": "takeOrders"},
        {"kind": "service", "name": "SNS", "function": None},
    ]


def test_what_feeds_a_queue_is_never_nothing_where_it_could_not_be_read() -> None:
    envelope = replace(ENVELOPE, command="dlq drop")
    for fed, words, said in (
        (Fed((), (Gap("functions", "denied"),)), "unknown", None),
        (Fed(()), "nothing known", []),
    ):
        assert f"\nfed by   {words}\n" in render_dropped(PARTLY, fed, envelope, Output.PLAIN, "")
        document = check(render_dropped(PARTLY, fed, envelope, Output.JSON, ""))
        assert document["drop"]["fed_by"] == said


def test_a_restore_tells_what_was_refused_what_is_in_doubt_and_what_was_not_tried() -> None:
    envelope = replace(ENVELOPE, command="dlq restore")
    assert render_restored(SENT, envelope, Output.PLAIN) == (
        "5 letters sent to orders-dlq\n"
        "where    account 123456789012, us-east-1, prod\n"
        "read     12 = 5 sent + 1 sent before + 2 failed + 4 not tried\n"
        "failed   id-1, id-2\n"
        "note     they are new messages: new ids, receive counts and retention\n"
        "note     12 are a queue's: SQS does not know any more which queue they came from, so to redrive "
        "them needs --to\n"
        "medium   queue orders-dlq: 1 message may have been sent, to send it again can make duplicates "
        "(no answer from http://127.0.0.1 in time)\n"
        "medium   queue orders-dlq: 1 message not sent, run it again to try it again "
        "(300000 bytes, and queue orders-dlq takes 262144)\n"
        "unknown  could not look at rest of the backup: stopped: no answer from http://127.0.0.1 in time"
    )
    document = check(render_restored(SENT, envelope, Output.JSON))
    assert [one["status"] for one in document["restore"]["failed"]] == ["refused", "doubtful"]
    assert (document["restore"]["not_tried"], SENT.exit) == (4, 3)


def test_a_receipt_in_markdown_steers_nothing() -> None:
    envelope = replace(ENVELOPE, command="dlq drop")
    said = render_dropped(replace(PARTLY, failed=(Kept("<b>", "*x*"),)), FED, envelope, Output.MARKDOWN, "")
    assert said.startswith("# dropped 10 messages of orders-dlq\n\n- **where** account")
    assert r"- **failed** \<b\>" in said
    assert r"(\*x\*)" in said
