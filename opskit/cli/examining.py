"""Every incident in an embedded AWS of its own, and what `opskit diagnose` says of it."""

from collections.abc import Iterator, Sequence

from opskit.cli import out
from opskit.model import Report
from opskit.sandbox.exam import Answer, sit
from opskit.sandbox.incidents import Incident

SINCE_S = 3 * 3600
DEADLINE_S = 60


def examined(incidents: Sequence[Incident], strengths: Sequence[str], seed: int) -> Iterator[Answer]:
    """Yield the answer to each incident in each strength; the embedded AWS ends with the last one."""
    from opskit.cli import look
    from opskit.cli.embedded import embedded_aws
    from opskit.sandbox import process
    from opskit.sandbox.resources import REGION
    from opskit.sandbox.stage import ENV
    from opskit.settings import Settings

    settings = Settings(env=ENV, region=REGION)
    with embedded_aws(process.BASELINE) as running:

        def play(incident: Incident, strength: str, seed: int) -> None:
            out.note(f"playing {incident.name}, {strength}")
            process.play(running.port, incident.name, seed, strength)

        def diagnose(incident: Incident) -> Report:
            asked = look.Asked(incident.runbook, incident.target, SINCE_S, DEADLINE_S)
            return look.look(settings, asked)

        yield from sit(incidents, strengths, seed, play, diagnose)
