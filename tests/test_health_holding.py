"""Whether a limit holds now, and since when: against a plain reading of what the table of limits says."""

from hypothesis import given
from hypothesis import strategies as st

from opskit.health.holding import QUIET_S, RECENT_S, holds, onset, recent
from opskit.model import Window
from opskit.series import Series
from opskit.thresholds import When

END = 1_795_571_880
WINDOW = Window(END - 3600, END)
MINUTES = range(WINDOW.start, END, 60)
WHENS = st.one_of(
    st.integers(1, 5).map(lambda of: When(of=of, total=True)),
    st.integers(1, 5).flatmap(lambda of: st.integers(1, of).map(lambda minutes: When(minutes, of))),
)
LIMITS = st.sampled_from((0.0, 1.0, 5.0))


@st.composite
def serieses(draw: st.DrawFn) -> Series:
    values = draw(st.lists(st.one_of(st.none(), st.integers(0, 6)), min_size=60, max_size=60))
    return Series(tuple((at, float(v)) for at, v in zip(MINUTES, values, strict=True) if v is not None))


def plainly(when: When, above: float, series: Series) -> bool:
    for back in range(5):
        end = END - 60 * back
        values = [value for at, value in series if end - 60 * when.of <= at < end]
        bad = sum(values) > above if when.total else len([v for v in values if v > above]) >= when.minutes
        if bad:
            return True
    return False


@given(when=WHENS, above=LIMITS, series=serieses())
def test_a_limit_holds_if_it_held_at_one_of_the_last_five_minutes(
    when: When, above: float, series: Series
) -> None:
    assert holds(when, above, series, WINDOW) == plainly(when, above, series)


@given(when=WHENS, above=LIMITS, series=serieses())
def test_what_is_long_over_changes_nothing(when: When, above: float, series: Series) -> None:
    old = END - RECENT_S - 60 * (when.of - 1)
    worst = Series((*((at, 1e6) for at in MINUTES if at < old), *(p for p in series if p[0] >= old)))
    newest = Series(tuple(p for p in series if p[0] >= old))
    assert holds(when, above, worst, WINDOW) == holds(when, above, newest, WINDOW)


@given(when=WHENS, above=LIMITS, series=serieses(), more=st.integers(1, 9))
def test_a_worse_value_never_mends_anything(when: When, above: float, series: Series, more: int) -> None:
    worse = Series(tuple((at, value + more) for at, value in series))
    assert holds(when, above, worse, WINDOW) or not holds(when, above, series, WINDOW)


@given(when=WHENS, above=LIMITS)
def test_no_datapoint_is_not_above_anything_and_reached_counts_only_if_asked(
    when: When, above: float
) -> None:
    assert not holds(when, above, Series(()), WINDOW)
    at_limit = Series(tuple((at, above if not when.total else above / when.of) for at in MINUTES))
    assert not holds(When(when.minutes, when.of), at_limit.peak, at_limit, WINDOW)
    assert holds(When(when.minutes, when.of), at_limit.peak, at_limit, WINDOW, reached=True)


@given(series=serieses(), limit=LIMITS)
def test_an_onset_is_a_bad_minute_after_which_no_long_pause_comes(series: Series, limit: float) -> None:
    began = onset(series, lambda value: value > limit, WINDOW)
    bad = [at for at, value in series if value > limit]
    if began is None:
        assert not bad or END - bad[-1] > QUIET_S
        return
    assert began in bad
    trouble = [at for at in bad if at >= began]
    assert all(b - a <= QUIET_S for a, b in zip(trouble, [*trouble[1:], END], strict=True))
    earlier = [at for at in bad if at < began]
    assert not earlier or began - earlier[-1] > QUIET_S


@given(series=serieses())
def test_what_is_recent_is_of_the_last_five_minutes(series: Series) -> None:
    assert recent(series, WINDOW).points == tuple(p for p in series if END - 300 <= p[0] < END)
