"""The query files in `queries/`: one Logs Insights query each, its parameters and columns in its header.

    # title: what it shows
    # format: text, json                     the log formats it understands
    # columns: error, n                      what every row can have
    # parameter request: text [0-9a-f-]{36}  a type, and for a text the pattern of every value
    # parameter over_ms: integer = 1000      with a default, and a pattern behind it if need be
    # parameter path: field = path           the name of a field of a JSON line
    # cost: what a run reads

A parameter stands in the query as `${request}`, a text one between double quotes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources

from opskit.errors import UsageError
from opskit.settings import show, suggestion

_HEADER = re.compile(r"#\s*(title|format|columns|cost|parameter\s+\w+)\s*:\s*(.*)")
_PARAMETER = re.compile(r"(?P<kind>\w+)(?:\s*=\s*(?P<default>\S+))?(?:\s+(?P<pattern>\S.*))?")
_BREAKS_OUT = re.compile(r"[\"'`\\\n\r]")
_PATTERNS = {"integer": r"\d{1,15}", "field": r"(?=.{1,100}$)@?[A-Za-z_][\w-]*(\.[\w-]+)*"}
"""What every value of a type must match, whatever its parameter's own pattern says."""
_BARE = re.compile(r"(?!(?:and|as|asc|by|desc|false|in|like|not|or|true)$)[@\w.]+", re.ASCII | re.IGNORECASE)
"""A field's name that needs no backticks (Logs user guide, "Fields that contain special characters")."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a value may be: its type, the pattern it must match as a whole, and what it is by default."""

    kind: str
    """text, integer or field."""
    pattern: re.Pattern[str]
    default: str | None = None

    def fits(self, value: str) -> bool:
        """Tell whether a value is one of this parameter's and cannot break out of its place."""
        own = re.fullmatch(_PATTERNS.get(self.kind, "(?s).*"), value, re.ASCII)
        return bool(own and self.pattern.fullmatch(value)) and not _BREAKS_OUT.search(value)

    def written(self, value: str) -> str:
        """Return a value as it stands in a query."""
        return f"`{value}`" if self.kind == "field" and not _BARE.fullmatch(value) else value


@dataclass(frozen=True, slots=True)
class Template:
    """One query file. `text` is the query itself, complete where there are no parameters."""

    name: str
    title: str
    formats: tuple[str, ...]
    columns: tuple[str, ...]
    cost: str
    parameters: Mapping[str, Parameter]
    text: str
    remarks: tuple[str, ...] = field(default=())
    """What else its header says."""

    def render(self, **values: str | int) -> str:
        """Return the query with its parameters put in; UsageError for a value that does not fit."""
        defaults = {name: one.default for name, one in self.parameters.items() if one.default is not None}
        given = {**defaults, **{name: str(value) for name, value in values.items()}}
        unknown = sorted(set(given) - set(self.parameters))
        missing = sorted(set(self.parameters) - set(given))
        if unknown or missing:
            what = (
                f"has no parameter {unknown[0]}{self._known()}"
                if unknown
                else f"needs {self._wanted(missing)}"
            )
            raise UsageError(f"query {self.name} {what}")
        for name, one in self.parameters.items():
            if not one.fits(given[name]):
                raise UsageError(
                    f"query {self.name}: {name} must match {one.pattern.pattern}, got {show(given[name])}"
                )
        # In one pass: what a value says is never taken for a parameter.
        return _PLACE.sub(lambda found: self.parameters[found[1]].written(given[found[1]]), self.text)

    def _known(self) -> str:
        return f", it has {', '.join(self.parameters)}" if self.parameters else ""

    def _wanted(self, names: list[str]) -> str:
        return ", ".join(names) + f": pass {' '.join(f'{name}=...' for name in names)}"


_PLACE = re.compile(r"\$\{(\w+)\}")


def names() -> tuple[str, ...]:
    """Return the names of all query files."""
    files = resources.files("queries").iterdir()
    return tuple(sorted(f.name.removesuffix(".cwli") for f in files if f.name.endswith(".cwli")))


def load(name: str) -> Template:
    """Return the query file `name`; UsageError with the nearest name, or all, if there is none."""
    file = resources.files("queries").joinpath(f"{name}.cwli")
    if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not file.is_file():
        raise UsageError(f"no query is named {show(name)}{suggestion(name, names())}", "opskit query --list")
    return read(name, file.read_text("utf-8"))


def read(name: str, content: str) -> Template:
    """Return the template that a query file's content holds; UsageError where its header is wrong."""
    header: dict[str, str] = {}
    parameters: dict[str, Parameter] = {}
    remarks: list[str] = []
    lines = content.splitlines()
    for line in lines:
        match = _HEADER.match(line)
        if match and match[1].startswith("parameter"):
            parameters[match[1].split()[1]] = _parameter(name, match[2])
        elif match:
            header[match[1]] = match[2].strip()
        elif line.startswith("#") and line.strip("# "):
            remarks.append(line.strip("# "))
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
        remarks=tuple(remarks),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _parameter(name: str, text: str) -> Parameter:
    match = _PARAMETER.fullmatch(text.strip())
    kind, default, pattern = match.group("kind", "default", "pattern") if match else ("", None, None)
    if kind not in ("text", *_PATTERNS) or (kind == "text" and pattern is None):
        raise UsageError(f"query {name}: a parameter is 'text PATTERN', 'integer' or 'field', not '{text}'")
    try:
        # As it may only hold what every reader of it takes for the same, ASCII.
        one = Parameter(kind, re.compile(pattern or _PATTERNS[kind], re.ASCII), default)
    except re.error as error:
        raise UsageError(f"query {name}: bad pattern '{pattern}': {error}") from None
    if default is not None and not one.fits(default):
        raise UsageError(f"query {name}: the default '{default}' must match {one.pattern.pattern}")
    return one


def _check_places(name: str, text: str, parameters: Mapping[str, Parameter]) -> None:
    """Refuse a placeholder without a parameter, or one that could break out of its place."""
    for match in re.finditer(r"(.?)\$\{(\w+)\}(.?)", text):
        before, parameter, after = match.groups()
        one = parameters.get(parameter)
        if one is None:
            raise UsageError(f"query {name} uses an undeclared parameter {parameter}")
        if one.kind == "text" and (before, after) != ('"', '"'):
            raise UsageError(f'query {name}: ${{{parameter}}} must stand as "${{{parameter}}}"')
