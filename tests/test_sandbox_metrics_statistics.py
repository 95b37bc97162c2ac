"""Statistics against a plain computation over the samples themselves."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_plane import NOW, Plane, stat

from opskit.sandbox.front import RefusedError
from opskit.sandbox.metrics.statistics import Stat, parse_stat

AT = NOW - 600
VALUES = st.integers(0, 10_000).map(lambda n: n / 4)
SEEN = st.lists(st.tuples(VALUES, st.integers(1, 9)), min_size=1, max_size=12)


def published(seen: list[tuple[float, int]]) -> Plane:
    """Half as values with counts, the rest one by one."""
    plane = Plane()
    packed, single = seen[::2], seen[1::2]
    plane.put(
        "m", {"Values": [v for v, _ in packed], "Counts": [float(c) for _, c in packed], "Timestamp": AT}
    )
    if single:
        plane.put("m", *({"Value": v, "Timestamp": AT} for v, c in single for _ in range(c)))
    return plane


def expanded(seen: list[tuple[float, int]]) -> list[float]:
    return sorted(value for value, count in seen for _ in range(count))


def ask(plane: Plane, *names: str) -> list[float | None]:
    queries = [stat("m", name, id=f"q{n}") for n, name in enumerate(names)]
    found = plane.points(*queries)
    return [found[query["Id"]][0][1] if found[query["Id"]] else None for query in queries]


@settings(max_examples=30, deadline=None)
@given(SEEN, st.sampled_from(["0", "1", "50", "90", "99", "99.9", "100"]))
def test_a_percentile_is_the_nearest_rank(seen: list[tuple[float, int]], percent: str) -> None:
    samples = expanded(seen)
    rank = max(math.ceil(Fraction(percent) * len(samples) / 100), 1)
    assert ask(published(seen), f"p{percent}") == [samples[rank - 1]]


@settings(max_examples=30, deadline=None)
@given(SEEN)
def test_percentiles_rise_from_minimum_to_maximum(seen: list[tuple[float, int]]) -> None:
    found = ask(published(seen), "Minimum", "p0", "p10", "p50", "p99", "p99.99", "p100", "Maximum")
    assert found == sorted(found)
    assert found[0] == found[1]
    assert found[-2] == found[-1]


@settings(max_examples=30, deadline=None)
@given(SEEN)
def test_a_trimmed_mean_is_the_mean_of_what_is_left(seen: list[tuple[float, int]]) -> None:
    # Each sample as 100 equal parts: a percent bound then cuts between parts.
    parts = [value for value in expanded(seen) for _ in range(100)]
    size = len(parts)
    middle, low = parts[size // 4 : size - size // 4], parts[: size * 9 // 10]
    wanted = [
        math.fsum(middle) / len(middle),
        math.fsum(low) / len(low),
        math.fsum(low) / 100,
        len(low) / 100,
    ]
    assert ask(published(seen), "IQM", "tm90", "ts90", "tc90") == pytest.approx(wanted, rel=1e-9, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(SEEN, VALUES, VALUES)
def test_a_percentile_rank_is_the_share_of_a_range(seen: list[tuple[float, int]], a: float, b: float) -> None:
    low, high = sorted((a, b + 10_000))
    samples = expanded(seen)
    inside = [value for value in samples if low < value <= high]
    found = ask(published(seen), f"PR({low}:{high})", f"TM({low}:{high})", f"TC({low}:{high})")
    wanted = [
        100 * len(inside) / len(samples),
        math.fsum(inside) / len(inside) if inside else None,
        len(inside),
    ]
    assert found == pytest.approx(wanted)


def test_a_winsorized_mean_moves_the_rest_to_the_bounds() -> None:
    plane = published([(float(n), 1) for n in range(1, 11)])
    assert ask(plane, "WM(10%:90%)") == pytest.approx([(2 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9 + 9) / 10])


SET = {"SampleCount": 3, "Sum": 9, "Minimum": 2, "Maximum": 5}


@pytest.mark.parametrize(
    ("given_set", "wanted"),
    [(SET, None), ({**SET, "Sum": 6, "Maximum": 2}, 2.0), (dict.fromkeys(SET, 1), 1.0)],
)
def test_a_statistic_set_has_percentiles_only_if_it_hides_nothing(
    given_set: dict, wanted: float | None
) -> None:
    plane = Plane()
    plane.put("m", {"StatisticValues": given_set, "Timestamp": AT})
    assert ask(plane, "p50", "tm50", "Sum") == [wanted, wanted, given_set["Sum"]]


def test_a_hidden_value_takes_the_percentile_from_its_period_only() -> None:
    plane = Plane()
    plane.put(
        "m",
        {"StatisticValues": SET, "Timestamp": AT},
        {"Value": 1, "Timestamp": AT},
        {"Value": 7, "Timestamp": AT + 60},
    )
    assert plane.points(stat("m", "p99")) == {"m": [(AT + 60, 7.0)]}


def test_negative_values_have_no_percentiles() -> None:
    plane = Plane()
    plane.put("m", {"Values": [-1.0, 2.0], "Timestamp": AT})
    assert ask(plane, "p50", "Minimum") == [None, -1.0]


@pytest.mark.parametrize(
    ("text", "stat_"),
    [
        ("p99.99", Stat("p", 0, 99.99)),
        ("tm0.5", Stat("tm", 0, 0.5)),
        ("IQM", Stat("tm", 25, 75)),
        ("TM(5%:95%)", Stat("tm", 5, 95)),
        ("TS(:90%)", Stat("ts", 0, 90)),
        ("TC(10%:)", Stat("tc", 10, 100)),
        ("PR(:300)", Stat("pr", float("-inf"), 300, by_value=True)),
        ("TM(1:2.5)", Stat("tm", 1, 2.5, by_value=True)),
    ],
)
def test_statistics_by_name(text: str, stat_: Stat) -> None:
    assert parse_stat(text) == stat_


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sum",
        "P99",
        "p101",
        "p",
        "p99,5",
        "TM(:)",
        "TM(9%:5%)",
        "TM(5%:90)",
        "PR(5%:9%)",
        "WM(1:5)",
        "TM(1%:101%)",
    ],
)
def test_what_is_no_statistic_is_refused(text: str) -> None:
    assert parse_stat(text) is None
    with pytest.raises(RefusedError, match=r"ValidationError: .*Stat"):
        Plane().data(stat("m", text))
