"""`opskit cases`: past incidents become tests, and are judged again with today's rules."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opskit.cli.options import SharedOptions, remember, remember_rows
from opskit.errors import UsageError
from opskit.exits import Exit
from opskit.settings import show

if TYPE_CHECKING:
    from opskit.model import Runbook
    from opskit.record.cases import Case, Outcome

HERE = Path("tests") / "cases"
FOLDER_TEXT = "Folder of the cases; else tests/cases here."


def app() -> typer.Typer:
    """Return the command group."""
    group = typer.Typer(help="Past incidents as tests.")
    for command in (add, check):
        group.command(command.__name__)(command)
    return group


@remember
def add(
    shared: SharedOptions,
    snapshot: Annotated[Path, typer.Argument(metavar="SNAPSHOT", help="What diagnose --save wrote.")],
    *,
    cause: Annotated[
        str, typer.Option("--cause", metavar="ID", help="What it truly was (see: opskit runbooks), or none.")
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Else the cause and the day.", show_default=False),
    ] = None,
    into: Annotated[Path | None, typer.Option(metavar="DIR", help=FOLDER_TEXT, show_default=False)] = None,
    pending: Annotated[bool, typer.Option("--pending", help="No rule names this cause yet.")] = False,
) -> None:
    """Turn a snapshot into a test: this is what must be found in it."""
    from opskit.cli import out
    from opskit.cli.books import find_runbook
    from opskit.record import cases, file, from_text
    from runbooks import ALL

    shared.output_form()
    path = snapshot.expanduser()
    taken = cases.public(from_text(file.read(path), str(path)))
    book = find_runbook(taken.runbook, ALL, str(path))
    _check_cause(cause, book, pending=pending)
    case = cases.Case(_name(name or cases.default_name(taken, cause)), taken, cause, pending)
    _check_verdict(cases.judge(case, book), path)
    place = _folder(into) / book.NAME / f"{case.name}.json"
    _write(place, case)
    out.note(f"{place}: must be found in it: {cause}{' (pending)' if pending else ''}")


@remember_rows
def check(
    shared: SharedOptions,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help=FOLDER_TEXT, show_default=False)
    ] = None,
) -> Exit:
    """Judge every case again; exit 1 if one is not found to be what it was."""
    from opskit.cli import out
    from opskit.cli.books import find_runbook
    from opskit.record import cases
    from opskit.render.rows import rows
    from runbooks import ALL

    output = out.form(shared.output_form())
    where = _folder(folder)
    known = [(path, cases.read(path)) for path in cases.find(where)]
    if not known:
        raise UsageError(f"{where}: no case in it", "opskit cases add makes one of a snapshot")
    outcomes = [
        cases.judge(case, find_runbook(case.snapshot.runbook, ALL, str(path))) for path, case in known
    ]
    for outcome in outcomes:
        if outcome.case.pending and outcome.named:
            out.note(f"{outcome.case.name} is named now: it is pending no more")
    out.result(rows([_record(outcome) for outcome in outcomes], output, out.canvas(shared)))
    return Exit.CLEAN if all(outcome.right for outcome in outcomes) else Exit.FINDINGS


def _record(outcome: "Outcome") -> dict[str, str]:
    right = "yes" if outcome.named else "pending" if outcome.right else "no"
    return {
        "case": f"{outcome.case.snapshot.runbook}/{outcome.case.name}",
        "expected": outcome.case.cause,
        "found": outcome.found,
        "right": right,
    }


def _folder(named: Path | None) -> Path:
    folder = HERE if named is None else named.expanduser()
    if folder.is_dir():
        return folder
    if named is None:
        raise UsageError(
            f"no folder {HERE} here", "say where the cases are: opskit cases add --into DIR, check DIR"
        )
    raise UsageError(f"{folder}: no such folder")


def _name(name: str) -> str:
    from opskit.record.cases import NAME

    if not NAME.fullmatch(name):
        raise UsageError(f'--name: expected small letters, digits and "-", got {show(name)}')
    return name


def _check_cause(cause: str, book: "Runbook", *, pending: bool) -> None:
    """Refuse a cause that is none of the runbook's; a pending one may be new."""
    from opskit.record.cases import NAME, NONE, causes

    known = (*causes(book), NONE)
    if cause in known or (pending and NAME.fullmatch(cause)):
        return
    near = difflib.get_close_matches(cause, known, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    raise UsageError(f"--cause: {book.NAME} names no {show(cause)}", hint)


def _check_verdict(outcome: "Outcome", path: Path) -> None:
    """Refuse a case that is wrong today unless it says so, and one that says so and is right."""
    if not outcome.right:
        raise UsageError(
            f"{path}: what is found is {outcome.found}, not {outcome.case.cause}",
            "--pending keeps it as a cause that is not named yet",
        )
    if outcome.case.pending and outcome.named:
        raise UsageError(f"{path}: {outcome.case.cause} is named already", "leave out --pending")


def _write(place: Path, case: "Case") -> None:
    from opskit.record import file

    if place.exists():
        raise UsageError(f"{place}: is there already", "give it another --name")
    try:
        place.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"{place.parent}: cannot be made: {error.strerror}") from error
    # A case belongs into a repository, where others read it.
    file.write(place, case.text, mode=0o644)
