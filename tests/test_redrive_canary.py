"""What became of the canary: each fate, and beside it the picture that only resembles it."""

from dataclasses import replace

import pytest

from opskit.aws.sqs import Depth
from opskit.redrive.canary import Evidence, Fate, Look, Terms, judge
from opskit.redrive.handled import Handling

SENT = 1_000_000.0
TERMS = Terms(visibility_s=30, max_receives=3, timeout_s=600)
"""Three tries of 30 s."""
DEAD = 99
"""The dead-letter queue held 100, and the canary was deleted from it."""
EMPTY, GONE = Depth(0, 0, 0), Depth(0, 1, 0)


def looks(*each: tuple[float, Depth | None, int | None]) -> tuple[Look, ...]:
    """(Seconds after sending, the source queue, the dead-letter queue's total)."""
    return tuple(
        Look(SENT + after_s, source, None if dead is None else Depth(dead, 0, 0))
        for after_s, source, dead in each
    )


def evidence(now_s: float, *each: tuple[float, Depth | None, int | None], **more: object) -> Evidence:
    return replace(Evidence(SENT, SENT + now_s, DEAD, looks(*each)), **more)  # type: ignore[arg-type]


def handling(*, failed: str = "", doubt: str = "") -> Handling:
    return Handling("id", "score", int(SENT * 1000), failed, doubt)


def fate(of: Evidence, terms: Terms = TERMS) -> Fate:
    return judge(of, terms).fate


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({"seen_back": True}, Fate.BACK, id="met in the dead-letter queue"),
        pytest.param({"handlings": (handling(failed="boom"),)}, Fate.FAILING, id="an error line names it"),
        pytest.param({"handlings": (handling(),)}, Fate.CONSUMED, id="an execution that ended well names it"),
        pytest.param(
            {"handlings": (handling(doubt="that execution has not ended"),)},
            Fate.WAITING,
            id="its execution still runs",
        ),
        pytest.param(
            {"handlings": (handling(failed="boom"), handling())},
            Fate.FAILING,
            id="one of two tries failed",
        ),
        pytest.param({"seen_back": True, "handlings": (handling(),)}, Fate.BACK, id="consumed, and yet back"),
        pytest.param({"log_gap": "denied"}, Fate.WAITING, id="a log that cannot be read proves nothing"),
        pytest.param({}, Fate.WAITING, id="nothing is known"),
    ],
)
def test_what_names_the_canary_decides(more: dict[str, object], expected: Fate) -> None:
    assert fate(evidence(1, **more)) is expected


# --- back, by counts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        pytest.param([(5, GONE, 100), (10, GONE, 100)], Fate.WAITING, id="still counted for a minute"),
        pytest.param([(5, GONE, 99), (10, GONE, 100), (15, GONE, 100)], Fate.BACK, id="fell, and rose again"),
        pytest.param([(5, GONE, 99), (10, GONE, 100)], Fate.WAITING, id="one look is not enough"),
        pytest.param(
            [(5, GONE, 99), (10, GONE, 100), (15, GONE, 99)], Fate.WAITING, id="the next look takes it back"
        ),
        pytest.param([(62, GONE, 100), (67, GONE, 100)], Fate.BACK, id="never fell within the minute"),
        pytest.param([(5, GONE, 99), (10, GONE, 101), (15, GONE, None)], Fate.WAITING, id="one look unread"),
    ],
)
def test_a_dead_letter_queue_that_grew_in_two_looks_says_that_it_is_back(
    each: list[tuple[float, Depth | None, int | None]], expected: Fate
) -> None:
    assert fate(evidence(each[-1][0], *each)) is expected


def test_letters_that_others_left_do_not_speak_against_a_canary_that_the_log_saw_consumed() -> None:
    grown = evidence(15, (5, GONE, 99), (10, GONE, 100), (15, GONE, 100))
    assert fate(grown) is Fate.BACK
    assert fate(replace(grown, handlings=(handling(),))) is Fate.CONSUMED


# --- consumed, by counts ------------------------------------------------------------------------------

TAKEN = [(61.0, GONE, 99), (66.0, GONE, 99)]
"""Nothing waits after the minute that counts may be late; other work goes on."""
BACKLOG = Depth(40, 3, 0)


@pytest.mark.parametrize(
    ("each", "expected"),
    [
        pytest.param([*TAKEN, (210, GONE, 99), (217, GONE, 99)], Fate.CONSUMED, id="all tries are over"),
        pytest.param([*TAKEN, (210, GONE, 99), (214, GONE, 99)], Fate.WAITING, id="a try is left"),
        pytest.param(
            [(61, BACKLOG, 99), (210, BACKLOG, 99), (500, BACKLOG, 99)], Fate.WAITING, id="behind a backlog"
        ),
        pytest.param(
            [(61, Depth(1, 0, 0), 99), (210, Depth(1, 0, 0), 99), (500, Depth(1, 0, 0), 99)],
            Fate.WAITING,
            id="nobody takes it",
        ),
        pytest.param(
            [(61, Depth(0, 0, 1), 99), (210, Depth(0, 0, 1), 99), (500, Depth(0, 0, 1), 99)],
            Fate.WAITING,
            id="the queue delays it",
        ),
        pytest.param(
            [(1, GONE, 99), (2, GONE, 99), (210, BACKLOG, 99), (500, BACKLOG, 99)],
            Fate.WAITING,
            id="counts of the first minute are of before it was sent",
        ),
        pytest.param([*TAKEN, (210, GONE, None), (217, GONE, None)], Fate.WAITING, id="dead letters unread"),
        pytest.param([(61, None, 99), (217, None, 99), (500, None, 99)], Fate.WAITING, id="source unread"),
        pytest.param(
            [(61, EMPTY, 99), (66, EMPTY, 99), (127, EMPTY, 99), (132, EMPTY, 99)],
            Fate.CONSUMED,
            id="it is in neither queue",
        ),
        pytest.param(
            [(61, EMPTY, 99), (66, EMPTY, 99), (120, EMPTY, 99), (125, EMPTY, 99)],
            Fate.WAITING,
            id="in neither, but it may have come back in the last minute",
        ),
        pytest.param(
            [(61, EMPTY, 99), (66, EMPTY, 99), (120, EMPTY, 99), (127, EMPTY, 99)],
            Fate.WAITING,
            id="in neither, and one look alone is late enough",
        ),
    ],
)
def test_a_canary_that_can_be_nowhere_else_is_consumed(
    each: list[tuple[float, Depth | None, int | None]], expected: Fate
) -> None:
    assert fate(evidence(each[-1][0], *each)) is expected


def test_without_a_limit_of_tries_only_empty_queues_prove_it_consumed() -> None:
    endless = replace(TERMS, max_receives=0)
    taken = [*TAKEN, (550.0, GONE, 99), (590.0, GONE, 99)]
    assert fate(evidence(590, *taken), endless) is Fate.WAITING
    empty = [(61.0, EMPTY, 99), (66.0, EMPTY, 99), (550.0, EMPTY, 99), (590.0, EMPTY, 99)]
    assert fate(evidence(590, *empty), endless) is Fate.CONSUMED


# --- unproven, and what is missing --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "missing"),
    [
        (evidence(600), "the consumer's log does not name it"),
        (evidence(600, log_gap="denied: needs logs:FilterLogEvents"), "(denied: needs logs:FilterLogEvents)"),
        (
            evidence(600, handlings=(handling(doubt="that execution has not ended"),)),
            "the consumer's log names it, but that execution has not ended",
        ),
        (evidence(600), "the dead-letter queue's counts could not be read"),
        (evidence(600, (599, None, 99)), "there are no counts of the queue it was sent to"),
        (evidence(600, (599, BACKLOG, 99)), "40 messages wait where it was sent to"),
        (evidence(600, (599, Depth(1, 0, 0), 99)), "1 message waits where it was sent to"),
        (evidence(600, (599, GONE, 99)), "counts are up to a minute late"),
        (evidence(600, (590, GONE, 99), (599, GONE, 99)), "it can be back after 3 tries of 30 s"),
    ],
)
def test_an_unproven_canary_says_what_is_missing(of: Evidence, missing: str) -> None:
    verdict = judge(of, TERMS)
    assert verdict.fate is Fate.UNPROVEN
    assert verdict.reason.startswith("neither consumed nor back after 10 min: ")
    assert missing in verdict.reason
    assert "\n" not in verdict.reason


def test_a_canary_is_unproven_only_when_its_time_is_over() -> None:
    assert [fate(evidence(now)) for now in (599.9, 600)] == [Fate.WAITING, Fate.UNPROVEN]
