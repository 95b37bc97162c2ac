"""Metric math: a table of expressions over three series, and what is refused."""

import pytest
from metrics_plane import NOW, Plane, math, stat

from opskit.sandbox.front import RefusedError
from opskit.sandbox.metrics import SeriesBatch

T = [NOW - 300 + 60 * n for n in range(5)]


@pytest.fixture(scope="module")
def plane() -> Plane:
    """Five periods; m1 has all, m2 lacks the second and fourth, m3 has a zero and a negative value."""
    plane = Plane()
    plane.metrics.load(
        [
            SeriesBatch("App", "m1", (), T, values=[1, 2, 3, 4, 5]),
            SeriesBatch("App", "m2", (), [T[0], T[2], T[4]], values=[10, 30, 50]),
            SeriesBatch("App", "m3", (), T[1:4], values=[0, -2.5, 8]),
        ]
    )
    return plane


N = None
TABLE = [
    ("m1", [1, 2, 3, 4, 5]),
    ("m1 + m2", [11, N, 33, N, 55]),
    ("m1 * 2 - 1", [1, 3, 5, 7, 9]),
    ("10 - m1 - 1", [8, 7, 6, 5, 4]),
    ("2 + 3 * m1", [5, 8, 11, 14, 17]),
    ("(2 + 3) * m1", [5, 10, 15, 20, 25]),
    ("-m1 + 1", [0, -1, -2, -3, -4]),
    ("- - m1", [1, 2, 3, 4, 5]),
    ("m1 ^ 2", [1, 4, 9, 16, 25]),
    ("-m1 ^ 2", [-1, -4, -9, -16, -25]),
    ("100 * m1 / m2", [10, N, 10, N, 10]),
    ("m1 / m3", [N, N, -1.2, 0.5, N]),
    ("m1 / 0", []),
    ("1e1 * .5 * m1", [5, 10, 15, 20, 25]),
    ("m1 > 2", [0, 0, 1, 1, 1]),
    ("m1 >= 2 AND m1 < 5", [0, 1, 1, 1, 0]),
    ("m1 == 1 || m1 != 5 && m1 > 3", [1, 0, 0, 1, 0]),
    ("m1 <= 1 OR m1 == 5", [1, 0, 0, 0, 1]),
    ("FILL(m2, 0)", [10, 0, 30, 0, 50]),
    ("FILL(m2, -1)", [10, -1, 30, -1, 50]),
    ("FILL(m2, m1)", [10, 2, 30, 4, 50]),
    ("FILL(m2, REPEAT)", [10, 10, 30, 30, 50]),
    ("FILL(m3, REPEAT)", [N, 0, -2.5, 8, 8]),
    ("FILL(m2, LINEAR)", [10, 20, 30, 40, 50]),
    ("FILL(m3, LINEAR)", [N, 0, -2.5, 8, N]),
    ("FILL(m0, 7)", [7, 7, 7, 7, 7]),
    ("FILL(m0, REPEAT)", []),
    ("IF(m1 > 2, m1, 0)", [0, 0, 3, 4, 5]),
    ("IF(m1 > 2, m2)", [N, N, 30, N, 50]),
    ("IF(m1 > 2, m2, m1)", [1, 2, 30, N, 50]),
    ("IF(1, m1, m2)", [1, 2, 3, 4, 5]),
    ("IF(0, m1, m2)", [10, N, 30, N, 50]),
    ("IF(FILL(m2, 0), 1, 0)", [1, 0, 1, 0, 1]),
    ("IF(0, m1)", []),
    ("ABS(m3)", [N, 0, 2.5, 8, N]),
    ("CEIL(m3)", [N, 0, -2, 8, N]),
    ("FLOOR(m3)", [N, 0, -3, 8, N]),
    ("LOG10(m3 * 12.5)", [N, N, N, 2, N]),
    ("m1 * CEIL(0.5)", [1, 2, 3, 4, 5]),
    ("DIFF(m2)", [N, N, 20, N, 20]),
    ("DIFF_TIME(m2)", [N, N, 120, N, 120]),
    ("RATE(m1) * 60", [N, 1, 1, 1, 1]),
    ("RUNNING_SUM(m1)", [1, 3, 6, 10, 15]),
    ("m1 / PERIOD(m1) * 60", [1, 2, 3, 4, 5]),
    ("m1 - AVG(m1)", [-2, -1, 0, 1, 2]),
    ("m1 / SUM(m1) * 15", [1, 2, 3, 4, 5]),
    ("m1 + MIN(m3) + MAX(m3)", [6.5, 7.5, 8.5, 9.5, 10.5]),
    ("SUM([m1, m2])", [11, 2, 33, 4, 55]),
    ("AVG([m1, m2, m3])", [5.5, 1, 30.5 / 3, 6, 27.5]),
    ("MAX([m1, 2 * m3])", [1, 2, 3, 16, 5]),
    ("MIN([m1, m3])", [1, 0, -2.5, 4, 5]),
    ("STDDEV([m1, m1 + 2])", [1, 1, 1, 1, 1]),
    ("SUM(METRICS())", [11, 2, 30.5, 12, 55]),
    ('SUM(METRICS("m2"))', [10, N, 30, N, 50]),
    ("SUM(METRICS('m') / 2)", [5.5, 1, 15.25, 6, 27.5]),
    ("SUM(FILL(METRICS(), 0))", [11, 2, 30.5, 12, 55]),
    ("m1 * METRIC_COUNT([m1, m2])", [2, 4, 6, 8, 10]),
    ("m1 * DATAPOINT_COUNT(m2)", [3, 6, 9, 12, 15]),
    ("LAST([m1, m2])", [10, N, 30, N, 50]),
    ("TIME_SERIES(3)", [3, 3, 3, 3, 3]),
]
METRICS = [stat(f"m{n}", ReturnData=False) for n in range(4)]


@pytest.mark.parametrize(("expression", "wanted"), TABLE)
def test_an_expression_has_its_value(plane: Plane, expression: str, wanted: list[float | None]) -> None:
    found = plane.points(*METRICS, math("x", expression), start=T[0])["x"]
    slots = [t for t, value in zip(T, wanted, strict=bool(wanted)) if value is not None] if wanted else []
    assert [t for t, _ in found] == slots
    assert [value for _, value in found] == pytest.approx([value for value in wanted if value is not None])


def test_expressions_build_on_each_other_in_any_order(plane: Plane) -> None:
    found = plane.points(math("z", "y * 2"), math("y", "m1 + 1", ReturnData=False), *METRICS, start=T[0])
    assert [value for _, value in found["z"]] == [4, 6, 8, 10, 12]


def test_a_long_line_of_expressions_is_no_matter(plane: Plane) -> None:
    line = [math(f"e{n}", f"e{n - 1} + 1" if n else "m1", ReturnData=n == 490) for n in range(491)]
    found = plane.points(*line[::-1], stat("m1", ReturnData=False), start=T[0])
    assert [value for _, value in found["e490"]] == [491, 492, 493, 494, 495]


def test_a_long_expression_is_no_matter(plane: Plane) -> None:
    expression = "m1" + "+1" * 1000
    found = plane.points(*METRICS, math("x", expression), start=T[0])
    assert found["x"][0][1] == 1001


def test_an_array_gives_a_result_for_each_series(plane: Plane) -> None:
    answer = plane.data(*METRICS, math("x", "METRICS() * 2"), start=T[0], ScanBy="TimestampAscending")
    shown = [(r["Id"], r["Label"], r["Values"]) for r in answer["MetricDataResults"]]
    assert shown == [
        ("x", "m0", []),
        ("x", "m1", [2, 4, 6, 8, 10]),
        ("x", "m2", [20, 60, 100]),
        ("x", "m3", [0, -5, 16]),
    ]


def test_filled_periods_are_those_of_the_time_asked_for() -> None:
    found = Plane().points(stat("m", period=300, ReturnData=False), math("x", "FILL(m, 0)"), start=NOW - 1000)
    assert found["x"] == [(NOW - 1200 + 300 * n, 0.0) for n in range(4)]


REFUSED = [
    ("m1 +", "Syntax error"),
    ("m1 m2", "Syntax error at position 4"),
    ("m1 + #", "Syntax error at position 6"),
    ("", "1 to 2048"),
    ("m1+" * 700 + "m1", "1 to 2048"),
    ("ABS(" * 100 + "m1" + ")" * 100, "nested deeper"),
    ("-" * 100 + "m1", "nested deeper"),
    ("nobody + 1", "Undefined variable nobody"),
    ("x + 1", "circle"),
    ("1 + 1", "the result is a number"),
    ("AVG(m1)", "the result is a number"),
    ("METRICS() + METRICS()", "two arrays"),
    ("RATE(5)", "RATE needs a time series"),
    ("PERIOD(METRICS())", "PERIOD needs a single time series"),
    ("FILL(m1, ZERO)", "FILL needs"),
    ("FILL(m1)", "FILL takes 2 argument"),
    ("IF(m1)", "IF takes 2 to 3 argument"),
    ("NOSUCH(m1)", "Unknown function NOSUCH"),
    ("REPEAT", "Unexpected REPEAT"),
    ("SEARCH('{AWS/Lambda} Errors', 'Sum', 60)", "SEARCH is not supported"),
    ("ANOMALY_DETECTION_BAND(m1, 2)", "ANOMALY_DETECTION_BAND is not supported"),
    ('SELECT SUM(Errors) FROM "AWS/Lambda"', "Metrics Insights"),
]


@pytest.mark.parametrize(("expression", "words"), REFUSED)
def test_what_cannot_be_computed_is_refused(plane: Plane, expression: str, words: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        plane.data(*METRICS, math("x", expression))
    assert refusal.value.code == "ValidationError"
    assert words in refusal.value.message
    assert "x" in refusal.value.message


def test_parentheses_alone_are_no_depth(plane: Plane) -> None:
    found = plane.points(*METRICS, math("x", "(" * 500 + "m1" + ")" * 500), start=T[0])
    assert len(found["x"]) == 5
