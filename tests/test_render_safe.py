"""Untrusted text neither steers a terminal nor formats a page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.render import safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 12 %", "plain text, 12 %"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("bell\x07 back\x08", "bell\\x07 back\\x08"),
        ("two\nlines\r\tmore", "two lines  more"),
        ("\u202eevil", "\\u202eevil"),
        ("\x9b31m", "\\x9b31m"),
        ("é, ü, 日本, 🙂", "é, ü, 日本, 🙂"),
        ("\udc80", "\\udc80"),
    ],
)
def test_controls_are_shown_not_obeyed(text: str, shown: str) -> None:
    assert safe.clean(text) == shown


@given(st.text())
def test_clean_text_is_one_line_that_can_be_encoded(text: str) -> None:
    shown = safe.clean(text)
    assert len(shown.splitlines()) <= 1
    shown.encode("utf-8")
    assert safe.clean(shown) == shown


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("[x](http://evil)", r"\[x\](http:\//evil)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("*bold* `code` # head", r"\*bold\* \`code\` \# head"),
        ("line\n# head", r"line \# head"),
    ],
)
def test_markdown_means_nothing(text: str, escaped: str) -> None:
    assert safe.markdown(text) == escaped


@pytest.mark.parametrize(
    ("text", "span"), [("aws x", "`aws x`"), ("a `b` c", "``a `b` c``"), ("`x``", "``` `x`` ```")]
)
def test_code_cannot_be_left(text: str, span: str) -> None:
    assert safe.code(text) == span
