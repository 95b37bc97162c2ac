"""How many things happen in a while: Poisson counts."""

import math
from random import Random

NORMAL_FROM = 50.0
"""A mean from which the normal approximation is within half a percent of the Poisson distribution."""


def poisson(random: Random, mean: float) -> int:
    """Return a Poisson count: by Knuth's product for small means, by the normal approximation for others.

    Knuth, *The Art of Computer Programming*, volume 2, 3.4.1.
    """
    if mean <= 0:
        return 0
    if mean >= NORMAL_FROM:
        return max(0, round(random.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count += 1
        product *= random.random()
    return count
