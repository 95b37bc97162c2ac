"""What a redrive would do, where each letter goes, and what one call has to say: on values."""

from dataclasses import replace
from pathlib import Path

import pytest
from letters import letter
from redrive_fakes import FakeDestination
from redrive_plans import PLACE, SICK, STOPPED, UNREAD, box, judged, planned, receipt, source, told

from opskit.errors import CannotLookError, UsageError
from opskit.inventory.queue_name import QueueName
from opskit.model import Gap, Severity, Verdict
from opskit.redrive import runs
from opskit.redrive.choosing import Choice
from opskit.redrive.outcome import Status
from opskit.redrive.plan import Terms, destinations, refuse, stopping
from opskit.redrive.route import ELSEWHERE, UNKNOWN, Route
from opskit.redrive.tally import Halt
from opskit.redrive.told import UNREACHED

NO_AWS: object = None

# --- the plan -------------------------------------------------------------------------------------------


def test_a_queue_that_may_push_its_messages_on_is_refused() -> None:
    with pytest.raises(UsageError, match="has a redrive policy of its own"):
        refuse(box(redrives_itself=True))


def test_a_queue_that_aws_is_moving_is_refused() -> None:
    with pytest.raises(UsageError, match=r"AWS is moving the messages of fan-updates-dlq .*RUNNING"):
        refuse(box(moving="RUNNING"))


def test_a_queue_with_nothing_against_it_is_not_refused() -> None:
    refuse(box())


def test_a_queue_that_no_queue_fills_leads_to_none() -> None:
    assert destinations(NO_AWS, box(sources=()), None) == ()  # type: ignore[arg-type]


def test_sources_that_cannot_be_read_are_no_missing_ones() -> None:
    gap = Gap("source queues", "denied: needs ListDeadLetterSourceQueues")
    with pytest.raises(CannotLookError, match="cannot be read: denied"):
        destinations(NO_AWS, box(sources=(), gaps=(gap,)), None)  # type: ignore[arg-type]


def test_a_fifo_queue_does_not_feed_a_standard_one() -> None:
    with pytest.raises(UsageError, match=r"dlq.fifo is a FIFO queue and fan-updates is a standard queue"):
        destinations(NO_AWS, box("dlq.fifo"), None)  # type: ignore[arg-type]


def test_a_destination_in_another_region_is_refused() -> None:
    class Here:
        region = "us-east-1"

    with pytest.raises(UsageError, match="--to: work is in eu-west-1, and the dead letters are in us-east-1"):
        destinations(Here(), box(), QueueName("work", "eu-west-1"))  # type: ignore[arg-type]


def test_letters_go_to_their_sources() -> None:
    both = (source("a"), source("b"))
    assert destinations(NO_AWS, box(sources=both), None) == both  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("judgement", "why"),
    [
        (judged(), []),
        (judged(SICK), ["9 errors in 5 min"]),
        (judged(gaps=(UNREAD,)), ["errors: denied: needs GetMetricData"]),
        (judged(notes=("something",)), []),
    ],
    ids=["clear", "sick", "unknown", "a note"],
)
def test_findings_and_gaps_stop_a_plan_unless_it_is_forced(judgement: object, why: list[str]) -> None:
    plan = planned(judgement)  # type: ignore[arg-type]
    assert list(stopping(plan)) == why
    assert list(stopping(replace(plan, terms=Terms(forced=True)))) == []


# --- the route ------------------------------------------------------------------------------------------


def test_each_letter_goes_to_the_queue_it_came_from() -> None:
    first, other = FakeDestination(name="queue a"), FakeDestination(name="queue b")
    route = Route({f"{PLACE}:a": first, f"{PLACE}:b": other})
    letters = [letter(number=n, source_arn=f"{PLACE}:{name}") for n, name in enumerate(["b", "a", "b", "c"])]
    outcomes = route.deliver(letters, "run")
    assert [what for _, what in first.log] == [(letters[1].message_id,)]
    assert [what for _, what in other.log] == [(letters[0].message_id, letters[2].message_id)]
    assert [one.new_id for one in outcomes] == [f"new-{one.message_id}" for one in letters[:3]] + [""]
    assert (outcomes[3].status, outcomes[3].reason) == (Status.REFUSED, ELSEWHERE)
    assert route.why_not(letter(source_arn="")) == UNKNOWN
    assert route.name == "queue a, queue b"


def test_the_destination_that_the_user_named_takes_every_letter() -> None:
    only = FakeDestination()
    route = Route({f"{PLACE}:a": only}, named=True)
    assert route.deliver([letter(source_arn=f"{PLACE}:gone")], "run")[0].status is Status.CONFIRMED


def test_a_letter_of_a_queue_that_is_gone_does_not_go_to_the_one_that_is_left() -> None:
    only = FakeDestination()
    route = Route({f"{PLACE}:a": only})
    assert route.destination(letter(source_arn="")) is only
    assert route.deliver([letter(source_arn=f"{PLACE}:gone")], "run")[0].reason == ELSEWHERE
    assert only.log == []


# --- the run's terms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms",
    [
        Terms(),
        Terms(
            Choice(("a-1234",), "body.x == `1`", 1_795_642_260_000, frozenset({"b", "a"})),
            limit=5, rate=0.5, doubling_s=0, canary_timeout_s=60, guard_alarms=("pager",), forced=True,
        ),
    ],
    ids=["as they are", "all given"],
)  # fmt: skip
def test_terms_are_kept_as_json_that_reads_back(terms: Terms, tmp_path: Path) -> None:
    assert runs.terms_of(runs.terms_document(terms)) == terms
    made = runs.begin(tmp_path, "1abc", planned(judged(), terms=terms), {"env": "prod"})
    made.close()
    kept = runs.opened(tmp_path, "1abc")
    facts = kept.facts()
    kept.close()
    assert runs.terms_of(facts["terms"]) == terms
    assert (facts["queue"], facts["to"]) == (f"{PLACE}:fan-updates-dlq", [f"{PLACE}:fan-updates"])
    assert (facts["forced"], facts["env"]) == (terms.forced, "prod")


def test_a_run_is_found_by_its_name_or_the_nearest_is_told(tmp_path: Path) -> None:
    for run in ("1abcdefghi", "2zyxwvutsr"):
        runs.begin(tmp_path, run, planned(judged()), {}).close()
    assert runs.every(tmp_path) == ["1abcdefghi", "2zyxwvutsr"]
    with pytest.raises(
        UsageError, match=r'no redrive "1abcdefgh" on this machine; did you mean 1abcdefghi\?'
    ):
        runs.opened(tmp_path, "1abcdefgh")


# --- what there is to say -------------------------------------------------------------------------------


def test_a_plan_says_what_stands_in_the_way_worst_first() -> None:
    low = replace(SICK, severity=Severity.LOW, cause="other")
    said = told(planned(judged(low, SICK, gaps=(UNREAD,))))
    assert ([one.cause for one in said.findings], said.gaps) == (["consumer-errors", "other"], (UNREAD,))
    assert (said.verdict, said.severity) == (Verdict.BREACH, Severity.CRITICAL)


def test_a_receipt_without_a_fault_is_clean() -> None:
    said = told(of=receipt())
    assert (said.findings, said.gaps, said.verdict) == ((), (), Verdict.OK)


def test_each_fault_of_a_receipt_is_a_finding() -> None:
    said = told(of=STOPPED, command="opskit redrive-dlq --resume 1abcdefghi --apply")
    assert {one.cause for one in said.findings} == {
        "redrive-guard", "redrive-loop", "redrive-failed", "redrive-not-deleted", "redrive-unknown",
    }  # fmt: skip
    assert said.gaps == (Gap("guard", "metrics: denied"), Gap("3 messages", UNREACHED))


def test_one_message_is_not_told_as_many() -> None:
    (found,) = told(of=receipt(returned=1)).findings
    assert found.summary == "1 message came back into the dead-letter queue after being moved"


@pytest.mark.parametrize("what", ["canary-back", "canary-failing", "guard"])
def test_where_the_consumer_is_at_fault_going_on_is_no_cure(what: str) -> None:
    go_on = "opskit redrive-dlq --resume 1abcdefghi --apply"
    (found,) = told(of=receipt(halt=Halt(what, "why")), command=go_on).findings
    assert found.cause == f"redrive-{what}"
    peek = "opskit dlq peek fan-updates-dlq --region us-east-1"
    assert found.fix == (f"see why its consumer fails, and mend that first: {peek}",)
    assert found.avoid
    assert go_on not in found.fix


@pytest.mark.parametrize(
    ("what", "gaps", "verdict"),
    [("canary-unproven", 1, Verdict.UNKNOWN), ("interrupted", 0, Verdict.OK)],
)
def test_what_is_nobodys_fault_is_no_finding(what: str, gaps: int, verdict: Verdict) -> None:
    said = told(of=receipt(halt=Halt(what, "why")))
    assert (said.findings, len(said.gaps), said.verdict) == ((), gaps, verdict)
