"""The printed reports and looks at the fleet are what they were, byte for byte; `make docs` renews them."""

import pytest
from goldens import FOLDER, REPORTS, WIDTHS, Print, goldens
from render_reports import ZONE
from rich.cells import cell_len

from opskit.render.canvas import Canvas
from opskit.render.text import text


@pytest.mark.parametrize(("name", "shown"), list(goldens()), ids=[name for name, _ in goldens()])
def test_a_report_is_printed_as_it_was(name: str, shown: Print) -> None:
    assert (FOLDER / name).read_bytes() == f"{shown()}\n".encode(), "changed: read the diff after `make docs`"


def test_no_kept_report_is_left_over() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {name for name, _ in goldens()}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", REPORTS)
def test_the_first_three_lines_are_the_first_three_on_the_screen(name: str, width: int) -> None:
    what, when, where, blank, *_ = text(REPORTS[name], Canvas(width=width, zone=ZONE)).split("\n")
    assert what.split(" ")[0] in {"BREACH", "OK", "UNKNOWN"}
    assert when.startswith(("since ", "judged ", "because "))
    assert "123456789012, us-east-1, prod" in where
    assert blank == ""
    assert max(map(cell_len, (what, when, where))) <= width
