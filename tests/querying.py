"""`opskit query` as a user calls it, in this process."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from opskit.cli import main

ROWS = "percent    max_mb    p95_mb    size_mb    n    @log\n100        512       374.8     512        8    "
"""What the query `memory` says of either function, up to the log group."""


SCHEMA = json.loads((Path(__file__).parents[1] / "docs" / "query.schema.json").read_text("utf-8"))


def document(text: str) -> Any:
    """The JSON that was printed, once it is found to be as docs/query.schema.json says."""
    told = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    return told


def run(capfd: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr, in which the window's times are left out."""
    capfd.readouterr()
    code = main(["query", *arguments])
    out, err = capfd.readouterr()
    return code, out, re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d UTC( \([^)]*\))?", "...", err)


def line(*words: str) -> str:
    return "".join(f"opskit: {word}\n" for word in words)
