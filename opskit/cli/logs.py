"""`opskit logs`: lines of one or more workers by time, those to come, or the story of one request."""

import time
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Annotated, Literal

import typer

from opskit.cli.options import SharedOptions, remember
from opskit.errors import UsageError

LevelName = Literal["ERROR", "WARN", "INFO", "DEBUG"]
SINCE, STORY_SINCE, LIMIT, MOST = "15m", "3h", 1000, 100_000
FILTERS, SHOWN = "Which lines", "How they are shown"


@remember
def logs(
    shared: SharedOptions,
    *,
    fn: Annotated[
        list[str] | None,
        typer.Option("--fn", metavar="NAME", help="Worker, function name or ARN; may be repeated."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="Log group; may be repeated.")
    ] = None,
    stack: Annotated[
        str | None, typer.Option("--stack", metavar="NAME", help="All workers of a stack.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help='So long before the end (2h), or from then on: -2h, 09:14, "tue 14:00".',
            show_default=f"{SINCE}; {STORY_SINCE} with --request-id",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", "--at", metavar="TIME", help='Up to then: "2026-11-24 02:10", 09:14, "2h ago".'
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with lines as they come.")] = False,
    grep: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="Lines that match, case-sensitive.", rich_help_panel=FILTERS),
    ] = None,
    ignore_case: Annotated[
        bool, typer.Option("--ignore-case", "-i", help="Let --grep ignore case.", rich_help_panel=FILTERS)
    ] = False,
    level: Annotated[
        LevelName | None,
        typer.Option(
            case_sensitive=False,
            help="That level and above; a line without one is INFO.",
            rich_help_panel=FILTERS,
            show_default=False,
        ),
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The story of one request through every worker it touched.",
            rich_help_panel=FILTERS,
        ),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(metavar="N", help=f"The newest N lines, at most {MOST:,}.", rich_help_panel=FILTERS),
    ] = LIMIT,
    raw: Annotated[
        bool, typer.Option("--raw", help="Lines as they were written.", rich_help_panel=SHOWN)
    ] = False,
    local_time: Annotated[
        bool,
        typer.Option(
            "--local-time/--utc", help="Times, shown and given, are local or UTC.", rich_help_panel=SHOWN
        ),
    ] = False,
) -> int:
    """Show recent log lines of one or more workers, oldest first; exit 3 if some could not be read."""
    from opskit.cli import times
    from opskit.cli.logreading import Shape, Wanted, opened
    from opskit.lines.reader import Span
    from opskit.logs import ids, sieve
    from opskit.logs.levels import Level

    _check(
        {"--fn": fn, "--group": group, "--stack": stack, "--request-id": request_id},
        {"--until": until, "--request-id": request_id, "--output markdown": shared.output == "markdown"}
        if follow
        else {},
        {"--grep": grep, "--level": level} if request_id is not None else {},
    )
    if ignore_case and grep is None:
        raise UsageError("--ignore-case is for --grep")
    if not 1 <= limit <= MOST:
        raise UsageError(f"--limit: expected from 1 to {MOST:,} lines, got {limit}")
    now = time.time()
    zone: tzinfo = times.local_zone() if local_time else UTC
    end = int(now) if until is None else times.parse_moment(until, "--until", now, zone)
    back = since if since is not None else STORY_SINCE if request_id is not None else SINCE
    span = Span(times.start_seconds(back, now, end, zone), end)
    sifted = sieve.Sieve(
        None if grep is None else sieve.compiled(grep, ignore_case=ignore_case),
        None if level is None else Level(level.upper()),
    )
    story_of = None if request_id is None else ids.check(request_id)
    wanted = Wanted(tuple(fn or ()), tuple(group or ()), stack, everywhere=story_of is not None)
    with opened(shared, wanted, now, Shape(span, zone, raw=raw)) as reading:
        if story_of is not None:
            return reading.tell(story_of)
        return reading.follow(limit, sifted) if follow else reading.show(limit, sifted)


def _check(
    named: Mapping[str, object], beside_follow: Mapping[str, object], beside_story: Mapping[str, object]
) -> None:
    """Refuse a command line that names no worker, or options that exclude each other."""
    if not any(named.values()):
        raise UsageError("whose lines? --fn NAME, --group NAME or --stack NAME", "see opskit logs --help")
    for option, others in (("--follow", beside_follow), ("--request-id", beside_story)):
        for other, value in others.items():
            if value not in (None, False):
                raise UsageError(f"{option} and {other} exclude each other")
