"""`opskit query`: the library's queries over log groups at AWS, or over files."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from opskit.cli.options import SharedOptions, remember_rows
from opskit.cli.times import DAY_S, MINUTE_S, deadline_seconds, parse_duration, parse_moment
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.model import Window

SINCE, DEADLINE, LIMIT = "1h", "60s", 100
MOST_ROWS = 10_000
LONGEST_S = 400 * DAY_S
LIBRARY = "The library"
COST = "Cost"


def complete_query(incomplete: str) -> Iterable[str]:
    """Return the names of the queries that start with what was typed, for the shell."""
    from opskit.insights import library

    return [name for name in library.names() if name.startswith(incomplete)]


@remember_rows
def query(
    shared: SharedOptions,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            help="A query (see: opskit query --list) and its parameters as NAME=VALUE.",
            metavar="NAME [NAME=VALUE ...]",
            autocompletion=complete_query,
            show_default=False,
        ),
    ] = None,
    *,
    fn: Annotated[
        list[str] | None,
        typer.Option("--fn", metavar="NAME", help="Worker, function name or ARN; may repeat."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="A log group; may repeat.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="How far back: 90m, 3h, 2d.", show_default=SINCE)
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", "--at", metavar="TIME", help='Up to then (UTC): "2026-11-24 02:10", "2h ago".'
        ),
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter; may repeat.")
    ] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=MOST_ROWS, help="Most rows.")] = LIMIT,
    deadline: Annotated[str, typer.Option(metavar="TIME", help="Longest wait for AWS.")] = DEADLINE,
    local: Annotated[
        list[str] | None,
        typer.Option(
            "--local", metavar="FILE...", help="Ask files instead of AWS: logs or exports; - is stdin."
        ),
    ] = None,
    estimate: Annotated[
        bool, typer.Option("--estimate", help="Only say what it would scan and cost.", rich_help_panel=COST)
    ] = False,
    max_cost: Annotated[
        float | None,
        typer.Option(metavar="USD", min=0, help="Refuse to run above that.", rich_help_panel=COST),
    ] = None,
    list_all: Annotated[
        bool, typer.Option("--list", help="List the queries.", rich_help_panel=LIBRARY)
    ] = False,
    show: Annotated[
        str | None,
        typer.Option("--show", metavar="NAME", help="What a query is and its text.", rich_help_panel=LIBRARY),
    ] = None,
) -> int:
    """Ask the logs a question from the library, at AWS or in files."""
    from opskit.cli import querying
    from opskit.insights import library
    from opskit.insights.answer import Asked

    if list_all or show is not None:
        return querying.catalogue(shared, show)
    names = [word for word in words or () if "=" not in word]
    if not names:
        raise UsageError("which query? see opskit query --list")
    # `--local a b` hands over b as a word.
    files = [*(local or ()), *names[1:]] if local else []
    if len(names) > 1 and not local:
        raise UsageError(f'one query at a time, not also "{names[1]}"', "a parameter is NAME=VALUE")
    template = library.load(names[0])
    pairs = [word for word in words or () if "=" in word] + (param or [])
    text = template.render(**querying.values(pairs))
    groups = tuple(files or group or ())
    window = _window(since, until, bounded=not files)
    asked = Asked(template.name, text, template.columns, groups, window, limit)
    if files:
        querying.refuse_beside(fn=fn, group=group, estimate=estimate, max_cost=max_cost is not None)
        return querying.ask_files(shared, asked)
    if not fn and not group:
        raise UsageError("whose logs? pass --fn NAME, --group NAME or --local FILE")
    look = querying.Look(shared, asked, fn or [], deadline_seconds(deadline))
    try:
        return look.price() if estimate else look.ask(max_cost)
    finally:
        look.close()


def _window(since: str | None, until: str | None, *, bounded: bool) -> "Window | None":
    """Return the window that was asked for; None for files of which all is asked."""
    from opskit.model import Window

    if not bounded and since is None and until is None:
        return None
    now = time.time()
    seconds = parse_duration(since or SINCE, "--since", MINUTE_S, LONGEST_S, "90m, 3h or 2d")
    end = int(now) if until is None else parse_moment(until, "--until", now)
    return Window(end - seconds, end)
