"""`opskit demo`: an incident on this machine, diagnosed as a real one is."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from opskit.cli.embedded import embedded_aws
from opskit.cli.options import SharedOptions, remember
from opskit.cli.sandbox import complete_incident, how_to_look, is_diagnosable
from opskit.errors import UsageError
from opskit.exits import Exit

if TYPE_CHECKING:
    from opskit.model import Report
    from opskit.sandbox.incidents import Incident

DEFAULT = "poison-record"
SINCE_S = 3 * 3600
DEADLINE_S = 60


@remember
def demo(
    shared: SharedOptions,
    incident: Annotated[
        str,
        typer.Argument(
            metavar="[INCIDENT]", help="See: opskit sandbox incidents.", autocompletion=complete_incident
        ),
    ] = DEFAULT,
) -> int:
    """Play an incident in an AWS on this machine and find its cause; needs no AWS account."""
    from opskit.cli import out, verdict
    from opskit.sandbox import process
    from opskit.sandbox.incidents import find

    chosen = find(incident)
    output = shared.output_form()
    process.check_extra()
    if not is_diagnosable(chosen):
        hint = f'eval "$(opskit sandbox start --incident {chosen.name})", then: {how_to_look(chosen)}'
        raise UsageError(f"no runbook names the cause of {chosen.name} yet", hint)
    out.note(f'starting an AWS on this machine and playing "{chosen.name}": {chosen.title}')
    with out.working("this takes a few seconds"), embedded_aws(chosen.name):
        report = _diagnosed(chosen)
    verdict.show(replace(report, next_commands=_next(chosen)), shared, output)
    return _judged(report, chosen)


def _diagnosed(incident: "Incident") -> "Report":
    """Return what `opskit diagnose` says about the incident's target."""
    from opskit.cli import look
    from opskit.sandbox.resources import REGION
    from opskit.sandbox.stage import ENV
    from opskit.settings import Settings

    asked = look.Asked(incident.runbook, incident.target, SINCE_S, DEADLINE_S)
    return look.look(Settings(env=ENV, region=REGION), asked)


def _next(incident: "Incident") -> tuple[str, ...]:
    return (
        f'eval "$(opskit sandbox start --incident {incident.name})"',
        how_to_look(incident),
        "opskit sandbox incidents",
        f"opskit demo {'esm-disabled' if incident.name == DEFAULT else DEFAULT}",
    )


def _judged(report: "Report", incident: "Incident") -> Exit:
    """Say whether the diagnosis is right: the parameter that the incident changed is the truth."""
    from opskit.cli import out
    from opskit.model import Verdict
    from opskit.render.words import chains

    named = chains(report)[0][0].cause if report.findings else None
    if named == incident.cause and (report.verdict is Verdict.OK) == (incident.cause is None):
        truth = f"its true cause is {incident.cause}" if incident.cause else "nothing was wrong"
        out.note(f"that is right: {truth}; the embedded AWS has stopped")
        return Exit.CLEAN
    found, truth = named or f"no cause ({report.verdict})", incident.cause or "that nothing is wrong"
    out.note(f"that is wrong: the diagnosis names {found}, the truth is {truth}")
    return Exit.FAILED
