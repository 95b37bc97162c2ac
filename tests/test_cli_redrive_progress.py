"""The line that shows how far a redrive is: what it says, and how rarely where nobody watches."""

import pytest
from redrive_plans import judged, planned

from opskit.cli import out, ticker
from opskit.cli.ticker import NOTE_EVERY_S, Ticker
from opskit.redrive.plan import Plan, Terms
from opskit.redrive.tally import Progress


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is shown on a terminal."""
    said: list[str] = []

    class Line:
        changes = True
        show = staticmethod(said.append)

    monkeypatch.setattr(out, "Line", Line)
    return said


@pytest.mark.parametrize(
    ("plan", "before", "progress", "said"),
    [
        (planned(judged()), 0, Progress(moved=3), "moved 3 of about 1,203, 0 a second"),
        (
            planned(judged()), 0, Progress(moved=203, left=900, failed=50, rate=25.0),
            "moved 203 of about 1,203, 25 a second, 2 s to go",
        ),
        (
            planned(judged(), terms=Terms(limit=10)), 0, Progress(moved=9, returned=1, rate=2),
            "moved 9 of about 10, 2 a second, 500 ms to go, 1 came back",
        ),
        (planned(judged()), 5000, Progress(moved=6203), "moved 6,203 of about 6,203, 0 a second"),
        (planned(judged()), 0, Progress(moved=1300), "moved 1,300 of about 1,203, 0 a second"),
    ],
    ids=["begun", "with time left", "limited", "gone on with", "more came in"],
)  # fmt: skip
def test_it_says_how_far_it_is(
    shown: list[str], plan: Plan, before: int, progress: Progress, said: str
) -> None:
    Ticker(plan, before).counted(progress)
    assert shown == [said]


def test_where_nobody_watches_it_says_so_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = [1000.0]
    monkeypatch.setattr(ticker.time, "monotonic", lambda: at[0])
    line = Ticker(planned(judged()), 0)
    for second in range(int(2 * NOTE_EVERY_S)):
        at[0] = 1001.0 + second
        line.said(f"canary: {second}")
    line.close()
    assert capsys.readouterr().err == "opskit: canary: 29\nopskit: canary: 59\n"
