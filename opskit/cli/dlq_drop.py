"""`opskit dlq drop` and `opskit dlq restore`: selected messages into a backup, and back from it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opskit.cli.options import SharedOptions, remember
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.redrive.choosing import Choice

CHOOSE = "Which messages"
Account = Annotated[
    str | None,
    typer.Option(
        metavar="ID", help="The account that is meant, if opskit.toml binds none.", show_default=False
    ),
]


@remember
def drop(
    shared: SharedOptions,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="A dead-letter queue: its name, URL or ARN.")],
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every message.", rich_help_panel=CHOOSE)] = False,
    group: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Only this group by cause (dlq peek).", rich_help_panel=CHOOSE),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(metavar="EXPR", help="Only where this JMESPath is true.", rich_help_panel=CHOOSE),
    ] = None,
    older_than: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only those sent longer ago.", rich_help_panel=CHOOSE),
    ] = None,
    ids: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only these message ids, one a line.", rich_help_panel=CHOOSE),
    ] = None,
    backup: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A new file for what is dropped.",
            show_default="QUEUE-dropped-TIME.jsonl in this folder",
        ),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Drop; else it only counts what would be dropped.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; with --apply.")] = False,
    account: Account = None,
) -> int:
    """Delete selected messages of a dead-letter queue, each only after it is in a backup.

    Its messages are received, which raises their receive counts; the others are shown again.
    """
    from opskit.cli.dropping import Asked, run_drop
    from opskit.cli.ending import in_order

    choice, words = _selection(_Said(everything, tuple(group or ()), match, older_than, ids))
    path = None if backup is None else backup.expanduser()
    asked = Asked(queue, choice, words, path, apply, yes, account)
    return in_order(lambda: run_drop(shared, asked))


@remember
def restore(
    shared: SharedOptions,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What opskit dlq drop wrote.")],
    *,
    to: Annotated[str, typer.Option("--to", metavar="QUEUE", help="The queue that gets the messages.")],
    apply: Annotated[
        bool, typer.Option("--apply", help="Send; else it only says what would be sent.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; with --apply.")] = False,
    account: Account = None,
) -> int:
    """Send the messages of a backup to a queue, each once: what was sent is noted in FILE.restored."""
    from opskit.cli.dropping import run_restore
    from opskit.cli.ending import in_order

    path = file.expanduser()
    return in_order(lambda: run_restore(shared, path, to, account, apply=apply, yes=yes))


@dataclass(frozen=True, slots=True)
class _Said:
    """The options that choose messages."""

    everything: bool
    groups: tuple[str, ...]
    match: str | None
    older_than: str | None
    ids: Path | None

    def words(self) -> tuple[str, ...]:
        """Return them as they can be typed again."""
        named = (("--match", self.match), ("--older-than", self.older_than), ("--ids", self.ids))
        said = [word for group in self.groups for word in ("--group", group)]
        said += [word for name, value in named if value is not None for word in (name, str(value))]
        return tuple(said) or ("--all",)


def _selection(said: _Said) -> "tuple[Choice, tuple[str, ...]]":
    """Return what was chosen, and the options that say so; UsageError if nothing was."""
    import time

    from opskit.cli.choosing import choice_of

    some = said.words() != ("--all",)
    if some == said.everything:
        raise UsageError("which messages? --all, or choose some", "see opskit dlq drop --help")
    return choice_of(said.groups, said.match, said.older_than, said.ids, time.time()), said.words()
