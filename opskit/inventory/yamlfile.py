"""Read a YAML file into plain values, keeping the line of every key, so that a mistake can be pointed at."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opskit.errors import UsageError
from opskit.settings import printable

Keys = tuple[str | int, ...]
"""Keys and list positions from a document's top."""


_UNREADABLE = (AssertionError, AttributeError, LookupError, NotImplementedError, ValueError)
"""What escapes from ruamel: for `2024-13-45`, an integer of 5,000 digits, some places of comments."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in one file."""

    file: str
    line: int
    field: str
    text: str

    def __str__(self) -> str:
        parts = (f"{self.file}:{self.line}", self.field, self.text)
        return printable(": ".join(part for part in parts if part))


class ManifestError(UsageError):
    """A file that cannot be used; the message is its first problem, `problems` has them all."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        more = len(problems) - 1
        rest = f" (and {more} more mistake{'s' if more > 1 else ''})" if more else ""
        super().__init__(f"{problems[0]}{rest}")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Document:
    """A file's values as dicts, tuples and scalars, and the line each of them stands on."""

    file: str
    values: dict[str, Any]
    lines: dict[Keys, int] = field(default_factory=dict)

    def line(self, path: Keys) -> int:
        """Return the line of `path`, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(path: Path, shown: str) -> Document:
    """Return the document in `path`, called `shown` in messages; ManifestError if it is no YAML mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _broken(shown, 1, f"expected UTF-8 text: {error.reason} at byte {error.start}") from error
    except OSError as error:
        raise _broken(shown, 1, f"cannot be read: {error.strerror}") from error
    return _document(text, shown)


def _document(text: str, shown: str) -> Document:
    from opskit.inventory.quickyaml import Odd, read_quickly  # noqa: PLC0415 - only inventory commands read YAML

    try:
        return Document(shown, *read_quickly(text))
    except Odd:
        return _exact(text, shown)


def _exact(text: str, shown: str) -> Document:
    """Return a text's document by YAML 1.2, or what is wrong with it."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - only an odd manifest, or a wrong one, needs it
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415

    try:
        loaded = YAML(typ="rt").load(text)
    except RecursionError as error:
        raise _broken(shown, 1, "nested too deep to be read") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _broken(shown, mark.line + 1 if mark else 1, _reason(error)) from error
    except YAMLError as error:
        raise _broken(shown, 1, f"not YAML: {_one_line(str(error))}") from error
    except _UNREADABLE as error:
        raise _broken(
            shown, 1, f"has a value or comment that cannot be read: {_one_line(str(error))}"
        ) from error
    if not isinstance(loaded, dict):
        raise _broken(shown, 1, "expected a mapping of fields, such as name: scoreUsers")
    lines: dict[Keys, int] = {(): 1}
    return Document(shown, _plain(loaded, (), lines), lines)


def _broken(shown: str, line: int, text: str) -> ManifestError:
    return ManifestError((Problem(shown, line, "", text),))


def _reason(error: Any) -> str:
    problem = _one_line(error.problem or error.context or "cannot be parsed")
    if problem.startswith("found duplicate key"):
        return f"{problem.split(chr(34))[1]}: given twice" if chr(34) in problem else problem
    return f"not YAML: {problem}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _plain(value: Any, at: Keys, lines: dict[Keys, int]) -> Any:
    """Turn ruamel's containers into dicts and tuples, noting every key's line (from 1)."""
    if isinstance(value, dict):
        positions = getattr(value, "lc", None)
        for key in value:
            if positions is not None and key in (positions.data or {}):
                lines[(*at, str(key))] = positions.data[key][0] + 1
        return {str(key): _plain(inner, (*at, str(key)), lines) for key, inner in value.items()}
    if isinstance(value, list):
        positions = getattr(value, "lc", None)
        for index in range(len(value)):
            if positions is not None and index in (positions.data or {}):
                lines[(*at, index)] = positions.data[index][0] + 1
        return tuple(_plain(inner, (*at, index), lines) for index, inner in enumerate(value))
    return _scalar(value)


def _scalar(value: Any) -> Any:
    """Drop ruamel's subclasses (`0x10`, `1_000`), which only remember how a number was written."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    return value if value is None else str(value)
