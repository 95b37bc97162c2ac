"""The options that every command has, and how texts on the command line become values."""

import inspect
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from opskit.errors import OpskitError, UsageError

if TYPE_CHECKING:
    from opskit.settings import Settings

OutputName = Literal["table", "plain", "json", "markdown"]
SeverityName = Literal["low", "medium", "high", "critical"]
EVERYWHERE = "Everywhere"
MINUTE_S, DAY_S = 60, 86400
SINCE_MAX_S = 15 * DAY_S
"""CloudWatch keeps datapoints of one minute for 15 days."""
DEADLINE_MAX_S = 15 * MINUTE_S
_UNITS = {"d": DAY_S, "h": 3600, "m": MINUTE_S, "s": 1}
_DURATION = re.compile(
    r"(?:(?P<d>\d{1,6})\s*(?:d|days?)\s*)?"
    r"(?:(?P<h>\d{1,6})\s*(?:h|hrs?|hours?)\s*)?"
    r"(?:(?P<m>\d{1,6})\s*(?:m|mins?|minutes?)\s*)?"
    r"(?:(?P<s>\d{1,6})\s*(?:s|secs?|seconds?))?",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class SharedOptions:
    """What was said on the command line, before or after the command; None was not said."""

    env: str | None = None
    region: str | None = None
    profile: str | None = None
    output: OutputName | None = None
    no_color: bool = False
    debug: bool = False

    def settings(self, **flags: str | None) -> "Settings":
        """Return the settings of this call, with a command's own `flags`; UsageError if one is wrong."""
        from opskit import settings

        return settings.load({**self._flags(), **flags})

    def output_form(self) -> str | None:
        """Return the output's form for a command that asks no AWS: what is wrong with the rest is a note.

        UsageError if the command line or OPSKIT_OUTPUT is wrong.
        """
        from opskit import settings
        from opskit.cli.out import note

        try:
            return self.settings().output
        except UsageError as error:
            said = {"OPSKIT_OUTPUT": os.environ.get("OPSKIT_OUTPUT", ""), "AWS_CONFIG_FILE": os.devnull}
            chosen = settings.load(self._flags(), said, with_file=False)
            note(f"not needed here, but wrong: {error}")
            return chosen.output

    def _flags(self) -> dict[str, str | None]:
        return {name: getattr(self, name) for name in ("env", "region", "profile", "output")}

    def over(self, before: "SharedOptions") -> "SharedOptions":
        """Return these options, and where nothing was said those said before the command."""
        return SharedOptions(
            **{f.name: getattr(self, f.name) or getattr(before, f.name) for f in fields(self)}
        )


def _shared(*names: str, text: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=text, metavar=metavar, rich_help_panel=EVERYWHERE, show_default=False)


_ANNOTATIONS: dict[str, Any] = {
    "env": Annotated[
        str | None, _shared("--env", text="Environment; OPSKIT_ENV, else prod.", metavar="NAME")
    ],
    "region": Annotated[
        str | None,
        _shared("--region", text="AWS region; OPSKIT_REGION, AWS_REGION, else us-east-1.", metavar="REGION"),
    ],
    "profile": Annotated[
        str | None, _shared("--profile", text="AWS profile; OPSKIT_PROFILE, AWS_PROFILE.", metavar="NAME")
    ],
    "output": Annotated[
        OutputName | None, _shared("--output", "-o", text="A table on a terminal, plain text in a pipe.")
    ],
    "no_color": Annotated[bool, _shared("--no-color", text="No colours; NO_COLOR does the same.")],
    "debug": Annotated[bool, _shared("--debug", text="Show where opskit itself failed.")],
}
_DEFAULTS = SharedOptions()
_KEYWORD = inspect.Parameter.KEYWORD_ONLY
_SHARED = [
    inspect.Parameter(name, _KEYWORD, default=getattr(_DEFAULTS, name), annotation=annotation)
    for name, annotation in _ANNOTATIONS.items()
]


def remember(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Return `command(shared, ...)` as typer calls it: with the shared options beside its own.

    A command inherits what was said before it: `opskit --env qa diagnose ...`.
    """

    def called(ctx: typer.Context, **values: Any) -> int | None:
        said = SharedOptions(**{name: values.pop(name) for name in _ANNOTATIONS})
        shared = said.over(ctx.obj) if isinstance(ctx.obj, SharedOptions) else said
        ctx.obj = shared
        try:
            return command(shared, **values)
        except (BrokenPipeError, EOFError) as error:
            # typer would take these for a reader that has gone, and exit as if there were findings.
            raise OpskitError(f"{type(error).__name__}: {error}") from error

    own = [p for p in inspect.signature(command).parameters.values() if p.name != "shared"]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *(p.replace(kind=_KEYWORD) for p in own), *_SHARED]
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


def parse_duration(text: str, option: str, least_s: int, most_s: int, examples: str) -> int:
    """Return a duration such as 90m, 3h, 1h30m, 2d or "2 hours" in seconds; UsageError for all else.

    Every character must belong to it, the larger unit comes first, and least_s <= it <= most_s.
    """
    match = _DURATION.fullmatch(text.strip())
    parts = {unit: value for unit, value in match.groupdict().items() if value} if match else {}
    if not parts:
        raise UsageError(f'{option}: expected a duration such as {examples}, got "{_short(text)}"')
    seconds = sum(int(value) * _UNITS[unit] for unit, value in parts.items())
    if not least_s <= seconds <= most_s:
        from opskit.render.figures import duration

        bounds = f"from {duration(least_s)} to {duration(most_s)}"
        raise UsageError(f'{option}: expected {bounds}, such as {examples}, got "{_short(text)}"')
    return seconds


def _short(text: str) -> str:
    from opskit.render.safe import clean

    return clean(text if len(text) <= 40 else f"{text[:40]}...")  # noqa: PLR2004 - a line stays one line


def since_seconds(text: str) -> int:
    """Return --since in seconds, one minute to 15 days."""
    return parse_duration(text, "--since", MINUTE_S, SINCE_MAX_S, "90m, 3h, 1h30m or 2d")


def deadline_seconds(text: str) -> int:
    """Return --deadline in seconds, one second to 15 minutes."""
    return parse_duration(text, "--deadline", 1, DEADLINE_MAX_S, "30s, 60s or 2m")
