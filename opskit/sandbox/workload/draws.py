"""Random draws and queueing formulas that several models share."""

import math
from random import Random

_EXACT = 30
"""Up to here a count is drawn exactly, beyond it by its normal limit."""


def poisson(random: Random, mean: float) -> int:
    """Draw how many of `mean` expected events happen."""
    if mean <= 0:
        return 0
    if mean > _EXACT:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    floor, product, count = math.exp(-mean), random.random(), 0
    while product > floor:
        product *= random.random()
        count += 1
    return count


def binomial(random: Random, trials: int, share: float) -> int:
    """Draw how many of `trials` succeed, each with the probability `share`."""
    if trials <= 0 or share <= 0:
        return 0
    if share >= 1:
        return trials
    if trials <= _EXACT:
        return sum(random.random() < share for _ in range(trials))
    if trials * share < _EXACT:
        return min(trials, poisson(random, trials * share))
    drawn = random.gauss(trials * share, math.sqrt(trials * share * (1 - share)))
    return min(trials, max(0, round(drawn)))


def erlang_b(servers: int, load: float) -> float:
    """Return the share of requests that find all `servers` busy and are turned away (Erlang's formula B).

    `load` is the rate of requests times their mean duration.
    """
    if servers <= 0:
        return 1.0
    if load <= 0 or load < servers / 4:
        return 0.0 if servers > _EXACT or load <= 0 else _erlang(servers, load)
    return _erlang(servers, load)


def _erlang(servers: int, load: float) -> float:
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked
