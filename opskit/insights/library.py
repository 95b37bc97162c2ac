"""The query files in `queries/`: one Logs Insights query each, its parameters and columns in its header.

    # title: what it shows
    # format: text, json                     the log formats it understands
    # columns: error, n                      what every row has
    # parameter request: text [0-9a-f-]{36}  a type (text | integer) and the pattern of every value
    # cost: what a run reads

A parameter stands in the query as `${request}`, a text one between double quotes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from opskit.errors import UsageError

_HEADER = re.compile(r"#\s*(title|format|columns|cost|parameter\s+\w+)\s*:\s*(.*)")
_BREAKS_OUT = re.compile(r"[\"'`\\\n\r]")
_INTEGER = r"\d{1,15}"


@dataclass(frozen=True, slots=True)
class Template:
    """One query file. `text` is the query itself, complete where there are no parameters."""

    name: str
    title: str
    formats: tuple[str, ...]
    columns: tuple[str, ...]
    cost: str
    parameters: Mapping[str, re.Pattern[str]]
    """Parameter name -> what every value of it must match as a whole."""
    text: str

    def render(self, **values: str | int) -> str:
        """Return the query with its parameters put in; UsageError for a value that does not fit."""
        unknown = sorted(set(values) - set(self.parameters))
        missing = sorted(set(self.parameters) - set(values))
        if unknown or missing:
            what = f"has no parameter {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
            raise UsageError(f"query {self.name} {what}")
        text = self.text
        for name, pattern in self.parameters.items():
            value = str(values[name])
            if not pattern.fullmatch(value) or _BREAKS_OUT.search(value):
                raise UsageError(f"query {self.name}: {name} must match {pattern.pattern}")
            text = text.replace(f"${{{name}}}", value)
        return text


def names() -> tuple[str, ...]:
    """Return the names of all query files."""
    files = resources.files("queries").iterdir()
    return tuple(sorted(f.name.removesuffix(".cwli") for f in files if f.name.endswith(".cwli")))


def load(name: str) -> Template:
    """Return the query file `name`; UsageError with the known names if there is none."""
    file = resources.files("queries").joinpath(f"{name}.cwli")
    if not re.fullmatch(r"[\w-]+", name) or not file.is_file():
        raise UsageError(f"no query is named {name}", f"there are: {', '.join(names())}")
    return read(name, file.read_text("utf-8"))


def read(name: str, content: str) -> Template:
    """Return the template that a query file's content holds; UsageError where its header is wrong."""
    header: dict[str, str] = {}
    parameters: dict[str, re.Pattern[str]] = {}
    lines = content.splitlines()
    for line in lines:
        match = _HEADER.match(line)
        if match and match.group(1).startswith("parameter"):
            parameters[match.group(1).split()[1]] = _parameter(name, match.group(2))
        elif match:
            header[match.group(1)] = match.group(2).strip()
    lacking = {"title", "format", "columns", "cost"} - set(header)
    if lacking:
        raise UsageError(f"query {name} has no {', '.join(sorted(lacking))} in its header")
    text = "\n".join(line for line in lines if not line.startswith("#")).strip()
    _check_places(name, text, parameters)
    return Template(
        name=name,
        title=header["title"],
        formats=_listed(header["format"]),
        columns=_listed(header["columns"]),
        cost=header["cost"],
        parameters=parameters,
        text=text,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _parameter(name: str, text: str) -> re.Pattern[str]:
    kind, _, pattern = text.strip().partition(" ")
    if kind not in ("text", "integer") or (kind == "text" and not pattern):
        raise UsageError(f"query {name}: a parameter is 'text PATTERN' or 'integer', not '{text}'")
    try:
        return re.compile(pattern.strip() or _INTEGER)
    except re.error as error:
        raise UsageError(f"query {name}: bad pattern '{pattern}': {error}") from None


def _check_places(name: str, text: str, parameters: Mapping[str, re.Pattern[str]]) -> None:
    """Refuse a placeholder without a parameter, or one that could break out of its place."""
    for match in re.finditer(r"(.?)\$\{(\w+)\}(.?)", text):
        before, parameter, after = match.groups()
        pattern = parameters.get(parameter)
        if pattern is None:
            raise UsageError(f"query {name} uses an undeclared parameter {parameter}")
        if pattern.pattern != _INTEGER and (before, after) != ('"', '"'):
            raise UsageError(f'query {name}: ${{{parameter}}} must stand as "${{{parameter}}}"')
