"""Random draws and queueing formulas that several models share."""

import math
from random import Random

_EXACT = 30
"""Up to here a count is drawn exactly, beyond it by its normal limit."""
_HALF = 0.5


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
    if share > _HALF:
        return trials - binomial(random, trials, 1 - share)
    if trials * share > _EXACT:
        drawn = random.gauss(trials * share, math.sqrt(trials * share * (1 - share)))
        return min(trials, max(0, round(drawn)))
    return _by_gaps(random, trials, share)


def _by_gaps(random: Random, trials: int, share: float) -> int:
    """Draw the successes one after the other: the gaps between them are geometric."""
    count, at, per_gap = 0, 0.0, math.log1p(-share)
    while True:
        at += 1 + math.log(1.0 - random.random()) // per_gap
        if at > trials:
            return count
        count += 1


def erlang_b(servers: int, load: float) -> float:
    """Return the share of requests that find all `servers` busy and are turned away (Erlang's formula B).

    `load` is the rate of requests times their mean duration.
    """
    if servers <= 0:
        return 1.0
    if load <= 0 or (servers > _EXACT and load < servers / 4):
        return 0.0
    blocked = 1.0
    for busy in range(1, servers + 1):
        blocked = load * blocked / (busy + load * blocked)
    return blocked


def most_at_once(mean: float, limit: int) -> int:
    """Return the most executions at once to expect in a minute in which `mean` run on average."""
    return min(limit, math.ceil(mean + 2 * math.sqrt(max(0.0, mean))))
