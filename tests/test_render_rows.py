"""Lists of things in every output form."""

import json

import pytest

from opskit.render.canvas import Canvas, Output
from opskit.render.rows import rows

RECORDS = [
    {"name": "poison", "fits": ["kinesis", "sqs"], "cause": "a|b [bold]"},
    {"name": "healthy", "fits": [], "cause": None},
]


COLUMNS = """\
name     fits          cause
poison   kinesis, sqs  a|b [bold]
healthy"""
PIPES = r"""
| name    | fits         | cause         |
|:--------|:-------------|:--------------|
| poison  | kinesis, sqs | a\|b \[bold\] |
| healthy |              |               |""".lstrip()


@pytest.mark.parametrize(
    ("output", "expected"), [(Output.TABLE, COLUMNS), (Output.PLAIN, COLUMNS), (Output.MARKDOWN, PIPES)]
)
def test_forms(output: Output, expected: str) -> None:
    shown = rows(RECORDS, output, Canvas(width=60))
    assert "\n".join(line.rstrip() for line in shown.split("\n")) == expected


def test_json_keeps_the_values() -> None:
    assert json.loads(rows(RECORDS, Output.JSON, Canvas())) == RECORDS


@pytest.mark.parametrize("output", list(Output))
def test_nothing(output: Output) -> None:
    assert rows([], output, Canvas()).strip() in ("", "[]")
