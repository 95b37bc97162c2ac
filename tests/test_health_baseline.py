"""What changed since the last run: only of runs that asked the same, and only of what was looked at."""

from dataclasses import replace
from pathlib import Path

import pytest
from render_health import (
    AGE,
    BREACH,
    DEPTH,
    DIGEST,
    ELSEWHERE,
    END,
    ERRORS,
    NIGHTLY,
    PLACE,
    SCORE,
    UNHEARD,
    health,
    row,
    unknown,
    worker,
)

from opskit.health.baseline import FIRST, UNSEEN, compared
from opskit.health.fleet import Choice
from opskit.health.growth import GROWTH
from opskit.health.model import Health, Place, Since, State, apart
from opskit.journal import Journal
from opskit.model import Evidence, Finding, Gap, Severity, Window
from opskit.render.health.json import document

ALL_WELL = health(row(SCORE), row(DIGEST))
GROWN = Finding(GROWTH, Severity.LOW, "scoreUsers", "more", evidence=(Evidence("invocations", "more", 9.0),))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path)


def kept(journal: Journal, look: Health, at: int = END) -> str:
    return journal.write(lambda run: document(replace(look, run=run)), "opskit health", "someone", at)


def since(look: Health, journal: Journal) -> Since:
    found = compared(look, journal).since_last
    assert found is not None
    return found


def at(look: Health, *more: Health) -> Health:
    """One look at several places, as the command adds them up."""
    looks = (look, *more)
    places = tuple(one.places[0] for one in looks)
    keys = [(place.account, place.region) for place in places]

    def said(one: Health) -> tuple[Finding, ...]:
        here = apart((one.places[0].account, one.places[0].region), keys)
        return tuple(replace(found, subject=f"{found.subject}{here}") for found in one.findings)

    return replace(
        look,
        places=places,
        rows=tuple(row for one in looks for row in one.rows),
        findings=tuple(found for one in looks for found in said(one)),
        gaps=tuple(gap for one in looks for gap in one.gaps),
    )


def there(place: Place, *cells: object) -> Health:
    return health(row(worker("scoreUsers", region=place.region), *cells, place=place))  # type: ignore[arg-type]


def test_the_first_run_has_nothing_to_compare_with(journal: Journal) -> None:
    look = compared(BREACH, journal)
    assert look.since_last is None
    assert look.notes == (*BREACH.notes, FIRST)


def test_new_worse_better_same_and_gone(journal: Journal) -> None:
    few = replace(AGE, severity=Severity.MEDIUM, state=State.WARN, value=130.0)
    run = kept(journal, health(row(SCORE, few), row(DIGEST, DEPTH), found=(UNHEARD,)))
    found = since(health(row(SCORE, AGE, ERRORS), row(DIGEST), found=(UNHEARD,)), journal)
    assert (found.run, found.at) == (run, END)
    assert found.marks == {
        ("scoreUsers", "errors"): "new",
        ("scoreUsers", "iterator-age"): "worse",
        ("alerts-warning", "alarm-topic-unheard"): "same",
    }
    assert found.gone == (("sendDigest", "depth"),)
    back = since(health(row(SCORE, few), row(DIGEST, DEPTH)), journal)
    assert back.marks == {("scoreUsers", "iterator-age"): "same", ("sendDigest", "depth"): "same"}
    assert back.gone == (("alerts-warning", "alarm-topic-unheard"),)


@pytest.mark.parametrize(("value", "mark"), [(1200.0, "worse"), (1000.0, "same"), (500.0, "better")])
def test_a_value_that_grew_by_half_is_worse(journal: Journal, value: float, mark: str) -> None:
    kept(journal, health(row(SCORE, AGE)))
    assert since(health(row(SCORE, replace(AGE, value=value))), journal).marks == {
        ("scoreUsers", "iterator-age"): mark
    }


def test_what_is_not_known_now_is_not_gone(journal: Journal) -> None:
    kept(journal, health(row(SCORE, AGE), row(DIGEST, DEPTH), found=(UNHEARD,)))
    alarms = Gap("alarms", "denied", ("alarm-topic-unheard",))
    look = health(row(SCORE, unknown("iterator-age")), gaps=(alarms,))
    assert since(look, journal).gone == ()


def test_what_was_not_known_then_is_not_called_new(journal: Journal) -> None:
    alarms = Gap("alarms", "denied", ("alarm-topic-unheard",))
    kept(journal, health(row(SCORE, unknown("iterator-age")), gaps=(alarms,)))
    found = since(health(row(SCORE, AGE, ERRORS), found=(UNHEARD, GROWN)), journal)
    assert found.marks == {
        ("scoreUsers", "iterator-age"): UNSEEN,
        ("alerts-warning", "alarm-topic-unheard"): UNSEEN,
        ("scoreUsers", GROWTH): UNSEEN,
        ("scoreUsers", "errors"): "new",
    }


def test_what_was_unusual_is_gone_only_for_a_run_that_looked(journal: Journal) -> None:
    kept(journal, replace(health(row(SCORE), found=(GROWN,)), unusual=True))
    assert since(health(row(SCORE)), journal).gone == ()
    assert since(replace(health(row(SCORE)), unusual=True), journal).gone == (("scoreUsers", GROWTH),)
    assert since(replace(health(row(SCORE), found=(GROWN,)), unusual=True), journal).marks == {
        ("scoreUsers", GROWTH): "same"
    }


def test_a_finding_on_two_workers_is_one_on_each_of_them(journal: Journal) -> None:
    shared = replace(ERRORS, indicator="table-throttles", summary="9 refused requests")
    two = health(row(SCORE, shared), row(NIGHTLY, shared))
    assert [finding.subject for finding in two.findings] == ["scoreUsers, closeBooks"]
    kept(journal, two)
    found = since(health(row(SCORE, shared), row(NIGHTLY, replace(shared, state=State.OK))), journal)
    assert found.marks == {("scoreUsers", "table-throttles"): "same"}
    assert found.gone == (("closeBooks", "table-throttles"),)
    assert since(two, journal).marks == {("scoreUsers, closeBooks", "table-throttles"): "same"}


@pytest.mark.parametrize(
    "other",
    [
        replace(ALL_WELL, asked=Choice(names=("scoreUsers",))),
        replace(ALL_WELL, asked=Choice(stacks=("scoring",))),
        replace(ALL_WELL, asked=Choice(prefix="prd2011-")),
        replace(ALL_WELL, asked=Choice(tag="team=a")),
        replace(ALL_WELL, window=Window(END - 7200, END)),
        there(ELSEWHERE),
        there(replace(PLACE, account="210987654321")),
        replace(there(replace(PLACE, env="qa"))),
        replace(ALL_WELL, rows=(), gaps=(Gap("aws", "no credentials"),)),
    ],
    ids=["names", "stacks", "prefix", "tag", "window", "region", "account", "env", "blind"],
)
def test_a_run_that_asked_something_else_is_passed_over(journal: Journal, other: Health) -> None:
    run = kept(journal, health(row(SCORE, ERRORS), row(DIGEST)), END - 7200)
    kept(journal, other, END - 3600)
    assert since(ALL_WELL, journal).run == run


def test_the_order_of_names_does_not_matter(journal: Journal) -> None:
    run = kept(journal, replace(ALL_WELL, asked=Choice(names=("b", "a", "b"))))
    assert since(replace(ALL_WELL, asked=Choice(names=("a", "b"))), journal).run == run


def test_a_document_of_an_older_opskit_is_passed_over(journal: Journal) -> None:
    def old(run: str) -> dict[str, object]:
        told = document(replace(ALL_WELL, run=run))
        return {key: value for key, value in told.items() if key not in ("asked", "workers")}

    journal.write(old, "opskit health", "someone", END)
    assert compared(ALL_WELL, journal).notes == (FIRST,)


def test_places_are_compared_each_with_its_own_last_run(journal: Journal) -> None:
    kept(journal, at(there(PLACE, ERRORS), there(ELSEWHERE, AGE)), END - 7200)
    newest = kept(journal, there(ELSEWHERE, ERRORS), END - 3600)
    found = since(at(there(PLACE, ERRORS), there(ELSEWHERE, AGE)), journal)
    assert found.run == newest
    assert found.marks == {
        ("scoreUsers (us-east-1)", "errors"): "same",
        ("scoreUsers (eu-west-1)", "iterator-age"): "new",
    }
    assert found.gone == (("scoreUsers (eu-west-1)", "errors"),)


def test_a_place_alone_is_compared_with_a_run_of_several(journal: Journal) -> None:
    far = replace(PLACE, account="210987654321")
    kept(journal, at(there(PLACE, ERRORS), there(far, AGE)))
    assert since(there(PLACE, ERRORS), journal).marks == {("scoreUsers", "errors"): "same"}
    assert since(there(far), journal).gone == (("scoreUsers", "iterator-age"),)


def test_a_place_seen_for_the_first_time_is_said(journal: Journal) -> None:
    kept(journal, there(PLACE, ERRORS))
    look = compared(at(there(PLACE, ERRORS), there(ELSEWHERE, AGE)), journal)
    assert look.notes == (f"{FIRST} in eu-west-1",)
    assert look.since_last is not None
    assert look.since_last.marks == {("scoreUsers (us-east-1)", "errors"): "same"}
