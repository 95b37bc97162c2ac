"""`opskit runbooks`: the catalogue says what the runbooks say of themselves."""

import json

import pytest

from opskit.cli import main
from opskit.cli.diagnose import complete_runbook
from runbooks import ALL


def test_json_has_every_runbook_and_rule(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["runbooks", "-o", "json"]) == 0
    told = {book["name"]: book for book in json.loads(capfd.readouterr()[0])}
    assert set(told) == set(ALL)
    for name, book in ALL.items():
        causes = [cause["cause"] for cause in told[name]["causes"]]
        assert causes == [rule.__name__.replace("_", "-") for rule in book.RULES]
        assert all(cause["text"] for cause in told[name]["causes"])
        assert told[name]["triggers"] == list(book.TRIGGERS)


def test_plain_has_a_line_per_cause(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["runbooks"]) == 0
    head, *lines = capfd.readouterr()[0].splitlines()
    assert head.split() == ["runbook", "fits", "cause", "meaning"]
    assert len(lines) == sum(len(book.RULES) for book in ALL.values())


def test_names_are_completed() -> None:
    assert "stream-lag" in complete_runbook("str")
    assert list(complete_runbook("zzz")) == []
