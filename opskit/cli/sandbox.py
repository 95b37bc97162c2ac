"""`opskit sandbox`: the embedded AWS as a server that stays, and the incidents to play into it."""

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from opskit.cli.options import SharedOptions, remember, remember_rows
from opskit.cli.times import DAY_S, MINUTE_S, parse_duration
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.sandbox.incidents import Incident
    from opskit.sandbox.process import Running

PORT_TEXT = "Its port; not needed while only one runs."
POINTED_TEXT = "Its port; else the one that AWS_ENDPOINT_URL names, or the only one."
NOTHING_WRONG = "-"
Strength = Annotated[
    Literal["mild", "plain", "severe"] | None, typer.Option(help="How bad it is.", show_default="plain")
]
Seed = Annotated[int, typer.Option(metavar="N", help="The same seed gives the same noise and load.")]
TICK_EXAMPLES = "10m or 2h"
Port = Annotated[int | None, typer.Option(metavar="N", min=1, max=65535, help=PORT_TEXT, show_default=False)]
Pointed = Annotated[
    int | None, typer.Option(metavar="N", min=1, max=65535, help=POINTED_TEXT, show_default=False)
]


def app() -> typer.Typer:
    """Return the command group."""
    group = typer.Typer(help="An AWS on this machine, with incidents to practise on.")
    for command in (start, stop, status, incidents, play, tick, exam):
        group.command(command.__name__)(command)
    return group


def complete_incident(incomplete: str) -> list[str]:
    """Return the names of the incidents that start with what was typed, for the shell."""
    from opskit.sandbox.incidents import catalogue

    return [incident.name for incident in catalogue() if incident.name.startswith(incomplete)]


def how_to_look(incident: "Incident") -> str:
    """Return the command that finds an incident: its diagnosis, or the fleet's health where no runbook is."""
    if is_diagnosable(incident):
        return f"opskit diagnose {incident.runbook} --fn {incident.target}"
    return "opskit health"


def is_diagnosable(incident: "Incident") -> bool:
    """Tell whether the runbook that names an incident's cause is written."""
    from runbooks import ALL

    return incident.runbook in ALL


@remember
def start(
    shared: SharedOptions,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, max=65535, help="Port on loopback; 0: any free one.", show_default="4620"
        ),
    ] = None,
    empty: Annotated[bool, typer.Option("--empty", help="A plain endpoint: no fleet, no telemetry.")] = False,
    incident: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What goes on in it.",
            autocompletion=complete_incident,
            show_default="healthy",
        ),
    ] = None,
    strength: Strength = None,
    seed: Seed = 1,
) -> None:
    """Start the embedded AWS and print the lines that point a shell at it."""
    from opskit.cli import out
    from opskit.render.canvas import Output
    from opskit.render.json import encoded
    from opskit.sandbox import process

    if empty and (incident or strength):
        raise UsageError("--empty and --incident exclude each other")
    output = out.form(shared.output_form())
    running = process.start(
        port,
        empty=empty,
        incident=incident or process.BASELINE,
        seed=seed,
        strength=strength or process.PLAIN,
    )
    if output is Output.JSON:
        out.result(encoded({**_record(running), "environment": running.environment()}))
    else:
        out.result("\n".join(running.exports()))
    out.note(
        f"the embedded AWS answers at {running.endpoint} (pid {running.pid}); stop it: {_stop_line(running)}"
    )


@remember
def stop(shared: SharedOptions, *, port: Port = None) -> None:
    """Stop the embedded AWS."""
    from opskit.cli import out
    from opskit.sandbox import process

    shared.output_form()
    stopped = process.stop(port)
    out.note(f"the embedded AWS on port {stopped.port} has stopped")


@remember_rows
def status(shared: SharedOptions) -> None:
    """List the embedded AWSs that run."""
    from opskit.cli import out
    from opskit.render.canvas import Output
    from opskit.render.rows import rows
    from opskit.sandbox import process

    output = out.form(shared.output_form())
    running = process.status()
    if running or output is Output.JSON:
        out.result(rows([_record(one) for one in running], output, out.canvas(shared)))
    else:
        out.note("no sandbox is running; start one: opskit sandbox start")


@remember_rows
def incidents(shared: SharedOptions) -> None:
    """List the incidents with what is truly wrong in each."""
    from opskit.cli import out
    from opskit.render.canvas import Output
    from opskit.render.rows import rows
    from opskit.sandbox.incidents import catalogue

    output = out.form(shared.output_form())
    nothing = None if output is Output.JSON else NOTHING_WRONG
    records = [
        {
            "name": incident.name,
            "runbook": incident.runbook if is_diagnosable(incident) else nothing,
            "target": incident.target,
            "cause": incident.cause or nothing,
            "strengths": list(incident.known),
            "title": incident.title,
        }
        for incident in catalogue()
    ]
    out.result(rows(records, output, out.canvas(shared)))


@remember
def play(
    shared: SharedOptions,
    incident: Annotated[
        str,
        typer.Argument(
            metavar="INCIDENT", help="See: opskit sandbox incidents.", autocompletion=complete_incident
        ),
    ],
    *,
    strength: Strength = None,
    seed: Seed = 1,
    port: Pointed = None,
) -> None:
    """Play an incident into a running embedded AWS: the hours that led to now."""
    from opskit.cli import out
    from opskit.sandbox import process
    from opskit.sandbox.incidents import find

    shared.output_form()
    found = find(incident)
    at = _only_one() if port is None else port
    process.play(at, found.name, seed, strength or process.PLAIN)
    out.note(f"{found.name} goes on at port {at}; try: {how_to_look(found)}")


@remember
def tick(
    shared: SharedOptions,
    duration: Annotated[str, typer.Argument(metavar="DURATION", help="Whole minutes, up to a day: 10m, 2h.")],
    *,
    port: Pointed = None,
) -> None:
    """Let time pass in a running embedded AWS: what it told of the last minutes is that much older."""
    from opskit.cli import out
    from opskit.render.figures import duration as shown
    from opskit.sandbox import process

    shared.output_form()
    seconds = parse_duration(duration, "DURATION", MINUTE_S, DAY_S, TICK_EXAMPLES)
    if seconds % MINUTE_S:
        raise UsageError(f"DURATION: expected whole minutes, such as {TICK_EXAMPLES}, got {shown(seconds)}")
    at = _only_one() if port is None else port
    process.tick(at, seconds)
    out.note(f"{shown(seconds)} passed at port {at}")


@remember_rows
def exam(
    shared: SharedOptions,
    incidents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[INCIDENT]...", help="All unless named.", autocompletion=complete_incident),
    ] = None,
    *,
    strength: Strength = None,
    seed: Seed = 1,
) -> int:
    """Play and diagnose the incidents: truth, verdict, time and cost of each. Exit 4 if one is wrong."""
    from opskit.cli import out
    from opskit.cli.examining import examined
    from opskit.exits import Exit
    from opskit.render.rows import rows
    from opskit.sandbox.exam import summary
    from opskit.sandbox.incidents import STRENGTHS

    output = out.form(shared.output_form())
    chosen = _examinable(incidents or [])
    if strength and not any(strength in incident.known for incident in chosen):
        raise UsageError(f"none of these has the strength {strength}", "see: opskit sandbox incidents")
    answers = list(examined(chosen, (strength,) if strength else STRENGTHS, seed))
    out.result(rows([answer.row() for answer in answers], output, out.canvas(shared)))
    out.note(summary(answers))
    return Exit.CLEAN if all(answer.right for answer in answers) else Exit.FAILED


def _examinable(names: list[str]) -> list["Incident"]:
    """Return the named incidents, else all that a runbook can name; UsageError for one that none can."""
    from opskit.sandbox.exam import diagnosable
    from opskit.sandbox.incidents import catalogue, find
    from runbooks import ALL

    chosen = [find(name) for name in names]
    for incident in chosen:
        if not is_diagnosable(incident):
            raise UsageError(f"no runbook names the cause of {incident.name} yet", "leave it out")
    return chosen or diagnosable(catalogue(), ALL)


def _only_one() -> int:
    """Return the port of the sandbox that this shell points at, else of the only one; else UsageError."""
    from opskit.sandbox import process

    running = process.status()
    pointed = [one for one in running if one.endpoint == os.environ.get("AWS_ENDPOINT_URL")]
    if len(pointed or running) == 1:
        return (pointed or running)[0].port
    if running:
        ports = ", ".join(str(one.port) for one in running)
        raise UsageError(f"several sandboxes are running (ports {ports})", "say which with --port")
    raise UsageError("no sandbox is running", "opskit sandbox start --empty")


def _stop_line(running: "Running") -> str:
    return f"opskit sandbox stop --port {running.port}"


def _record(running: "Running") -> dict[str, Any]:
    return {
        "port": running.port,
        "pid": running.pid,
        "endpoint": running.endpoint,
        "incident": running.incident,
        "empty": running.empty,
    }
