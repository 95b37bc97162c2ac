"""The draws and formulas that the models share have the distributions that they are named after."""

from random import Random
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.sandbox.workload.draws import binomial, erlang_b, most_at_once, poisson


@pytest.mark.parametrize("mean", [0.2, 4.0, 200.0])
def test_a_poisson_draw_has_its_mean_and_its_variance(mean: float) -> None:
    random = Random("p")
    drawn = [poisson(random, mean) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(mean, rel=0.05)
    assert pvariance(drawn) == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize(("trials", "share"), [(20, 0.3), (20, 0.95), (1000, 0.01), (1000, 0.4)])
def test_a_binomial_draw_has_its_mean_and_its_variance(trials: int, share: float) -> None:
    random = Random("b")
    drawn = [binomial(random, trials, share) for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(trials * share, rel=0.05)
    assert pvariance(drawn) == pytest.approx(trials * share * (1 - share), rel=0.05)


@given(st.integers(-1, 200), st.floats(0, 1), st.integers())
def test_no_more_succeed_than_are_tried(trials: int, share: float, seed: int) -> None:
    assert 0 <= binomial(Random(seed), trials, share) <= max(0, trials)
    assert binomial(Random(seed), trials, 1.0) == max(0, trials)


@given(st.integers(1, 200), st.floats(0, 400))
def test_what_is_turned_away_grows_with_the_load_and_leaves_no_more_than_the_servers_do(
    servers: int, load: float
) -> None:
    blocked = erlang_b(servers, load)
    assert 0 <= blocked <= 1
    assert load * (1 - blocked) <= servers + 1e-9
    assert blocked <= erlang_b(servers, load + 1) + 1e-12


def test_the_most_at_once_is_at_most_the_limit_and_at_least_the_mean() -> None:
    assert most_at_once(0.0, 10) == 0
    assert most_at_once(4.0, 100) == 8
    assert most_at_once(4.0, 5) == 5
