"""The options that choose letters: what they make of what was typed, and what they refuse in one line."""

from pathlib import Path
from typing import Any

import pytest
from letters import message_id

from opskit.cli.choosing import choice_of
from opskit.errors import UsageError
from opskit.redrive.choosing import Choice

NOW = 1_795_650_000.0


def chosen(**said: Any) -> Choice:
    return choice_of(**{"groups": [], "match": None, "older_than": None, "ids": None, **said}, now=NOW)


def test_nothing_said_chooses_all() -> None:
    assert chosen().everything


def test_an_age_becomes_a_moment() -> None:
    assert chosen(older_than="2h").sent_before_ms == int((NOW - 7200) * 1000)


def test_a_group_said_twice_is_one() -> None:
    assert chosen(groups=["a-b-0123", "a-b-0123"]).groups == ("a-b-0123",)


def test_ids_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "ids").write_text(f"# two\n{message_id(1)}\n{message_id(2)}\n")
    assert chosen(ids=tmp_path / "ids").ids == {message_id(1), message_id(2)}


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ({"older_than": "old"}, '--older-than: expected a duration such as 30m, 2h or 3d, got "old"'),
        (
            {"older_than": "15d"},
            '--older-than: expected from 1 min to 14 d, such as 30m, 2h or 3d, got "15d"',
        ),
        ({"match": " "}, "--match: expected a JMESPath expression, got nothing"),
        ({"groups": ["x"]}, '--group: "x" is no group\'s id; opskit dlq peek shows them'),
        ({"ids": Path("none")}, "--ids: none: no such file"),
        ({"ids": Path()}, "--ids: .: a file is needed, not a folder, device or pipe"),
        ({"ids": Path("bad")}, 'bad, line 2: expected one message id, got "a b"'),
        ({"ids": Path("bytes")}, "--ids: bytes: no UTF-8 text"),
        ({"ids": Path("empty")}, "empty: names no message; write one message id a line"),
    ],
)
def test_what_is_wrong_is_one_line(
    said: dict[str, Any], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad").write_text(f"{message_id(1)}\na b\n")
    Path("bytes").write_bytes(b"\xff\xfe")
    Path("empty").write_text("")
    with pytest.raises(UsageError) as caught:
        chosen(**said)
    assert str(caught.value) == line
