"""The options that every command has, before or after it."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from opskit.errors import OpskitError, UsageError

if TYPE_CHECKING:
    from opskit.settings import Settings

OutputName = Literal["table", "plain", "json", "markdown", "csv", "junit", "openmetrics"]
SeverityName = Literal["low", "medium", "high", "critical"]
EVERYWHERE = "Everywhere"


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


def _output(also: tuple[str, ...]) -> Any:
    from opskit.settings import OUTPUTS

    *forms, last = (*OUTPUTS, *also)
    text = f"{', '.join(forms)} or {last}; else a table on a terminal, plain text in a pipe."
    return Annotated[OutputName | None, _shared("--output", "-o", text=text, metavar="FORM")]


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
    "output": None,  # as the command has it: `_output`
    "no_color": Annotated[bool, _shared("--no-color", text="No colours; NO_COLOR does the same.")],
    "debug": Annotated[bool, _shared("--debug", text="Show where opskit itself failed.")],
}
_DEFAULTS = SharedOptions()
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _shared_parameters(also: tuple[str, ...]) -> list[inspect.Parameter]:
    """Return the shared options; --output shows the forms that the command has."""
    annotations = {**_ANNOTATIONS, "output": _output(also)}
    return [
        inspect.Parameter(name, _KEYWORD, default=getattr(_DEFAULTS, name), annotation=annotation)
        for name, annotation in annotations.items()
    ]


def _refuse_output(shared: SharedOptions, command_path: str, also: tuple[str, ...]) -> None:
    from opskit.settings import FLEET_OUTPUTS, ROWS_OUTPUTS

    if shared.output in also:
        return
    if shared.output in ROWS_OUTPUTS:
        raise UsageError(f"--output {shared.output} is for rows, and {command_path} has none to print")
    if shared.output in FLEET_OUTPUTS:
        raise UsageError(f"--output {shared.output} is for opskit health alone, not for {command_path}")


def remember_rows(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Return what `remember` returns, for a command whose result is rows."""
    from opskit.settings import ROWS_OUTPUTS

    return remember(command, also=ROWS_OUTPUTS)


def remember_fleet(command: Callable[..., int | None]) -> Callable[..., int | None]:
    """Return what `remember` returns, for the command that looks at the fleet."""
    from opskit.settings import FLEET_OUTPUTS

    return remember(command, also=FLEET_OUTPUTS)


def remember(command: Callable[..., int | None], *, also: tuple[str, ...] = ()) -> Callable[..., int | None]:
    """Return `command(shared, ...)` as typer calls it: with the shared options beside its own.

    A command inherits what was said before it: `opskit --env qa diagnose ...`. `also`: the forms of output
    that it has beside those that every command has.
    """

    def called(ctx: typer.Context, **values: Any) -> int | None:
        said = SharedOptions(**{name: values.pop(name) for name in _ANNOTATIONS})
        shared = said.over(ctx.obj) if isinstance(ctx.obj, SharedOptions) else said
        ctx.obj = shared
        if ctx.parent is not None:
            _refuse_output(shared, ctx.command_path, also)
        try:
            return command(shared, **values)
        except (BrokenPipeError, EOFError) as error:
            # typer would take these for a reader that has gone, and exit as if there were findings.
            raise OpskitError(f"{type(error).__name__}: {error}") from error

    own = [p for p in inspect.signature(command).parameters.values() if p.name != "shared"]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *(p.replace(kind=_KEYWORD) for p in own), *_shared_parameters(also)]
    called.__name__, called.__doc__ = command.__name__, command.__doc__
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called
