"""The order in which a large fleet is asked about."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from render_health import BREACH, HEALTHY

from opskit import thresholds
from opskit.errors import CannotLookError
from opskit.health.asking import LISTED_FROM
from opskit.health.look import look
from opskit.health.model import Place
from opskit.health.places import Where, once_each
from opskit.inventory import Inventory, Source, Worker, round0
from opskit.model import Cost, Metric, Reading, Signal, Status, Window
from opskit.settings import Settings

PLACE = Place("", "us-east-1", "prod")


class Answering:
    """Answers who asks, and nothing else; `blocked` says why not even that."""

    window = Window(0, 3600)
    cost = Cost()

    def __init__(self, blocked: str = "") -> None:
        self.blocked = blocked
        self.rounds: list[list[Signal]] = []

    def gather(self, signals: list[Signal]) -> Mapping[Signal, Reading]:
        self.rounds.append(list(signals))
        answers = {signal: Reading(Status.FAILED, "denied", "AccessDenied") for signal in signals}
        if not self.blocked and round0.identity() in answers:
            whose = {"account": "123456789012", "arn": "arn"}
            answers[round0.identity()] = Reading(Status.OK, document=whose)
        return answers

    def close(self) -> None:
        return


def fleet(size: int) -> list[Worker]:
    return [
        Worker(f"w{n}", f"f{n}", "prod", "us-east-1", (Source("sqs", f"q{n}"),), limits=thresholds.load())
        for n in range(size)
    ]


def test_a_large_fleet_that_cannot_be_looked_at_costs_one_call() -> None:
    asks = Answering(blocked="no AWS credentials found")
    with pytest.raises(CannotLookError, match="no AWS credentials found"):
        look(fleet(LISTED_FROM), PLACE, asks, Settings())
    assert asks.rounds == [[round0.identity()]]


@pytest.mark.parametrize(("size", "early"), [(LISTED_FROM - 1, False), (LISTED_FROM, True)])
def test_a_large_fleet_is_measured_while_it_is_described(size: int, *, early: bool) -> None:
    asks = Answering()
    health = look(fleet(size), PLACE, asks, Settings())
    described = next(asked for asked in asks.rounds if round0.function("f0") in asked)
    assert any(isinstance(signal, Metric) for signal in described) is early
    urls = [str(s.params) for s in described if getattr(s, "operation", "") == "GetQueueAttributes"]
    assert len(urls) == (size if early else 0)
    assert all("/123456789012/q" in url for url in urls)
    assert not [cell for row in health.rows for cell in row.cells if cell.state == "OK"]


def test_an_account_that_two_profiles_lead_to_is_looked_at_once() -> None:
    inventory = Inventory(Settings(), ())
    seen = [(Where(inventory, "limited"), BREACH), (Where(inventory, "oncall"), HEALTHY)]
    (once,) = once_each(seen)
    assert (once.rows, once.gaps) == (HEALTHY.rows, ())
    assert once.notes[-1] == (
        "limited and oncall lead to one account, 123456789012 in us-east-1: shown once, as by oncall"
    )
    assert once.cost == HEALTHY.cost + BREACH.cost


def test_two_places_whose_account_is_not_known_stay_two() -> None:
    dark = replace(BREACH, places=(PLACE,))
    seen = [(Where(Inventory(Settings(), ()), name), dark) for name in ("a", "b")]
    assert len(tuple(once_each(seen))) == 2
