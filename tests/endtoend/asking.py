"""opskit as its users call it, in this process: settings from ministack, metrics and logs from the plane."""

import contextlib
import io
import json
import time
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from endtoend.scenario import Played
from opskit.cli import health, logs, look, main, query


@dataclass(frozen=True)
class Said:
    """What one command said."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.stdout)
        return document

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON documents on stdout, one a line."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def point_to(played: Played, plane: str, patch: pytest.MonkeyPatch) -> None:
    """Point opskit to both servers, and set its clock to two minutes past the run's end."""
    for name, value in {
        "AWS_ENDPOINT_URL": played.aws.endpoint,
        "AWS_ENDPOINT_URL_CLOUDWATCH": plane,
        "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": plane,
        "OPSKIT_WORKERS_DIR": str(played.folder / "workers"),
        "OPSKIT_ENV": "qa",
    }.items():
        patch.setenv(name, value)
    clock = SimpleNamespace(time=lambda: played.clock.asked_at, monotonic=time.monotonic, sleep=time.sleep)
    for module in (health, logs, query):
        patch.setattr(module, "time", clock)
    patch.setattr(look, "look", partial(look.look, now=clock.time))


def ask(*words: str) -> Said:
    """Call opskit and return what it said."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--output", "json"])
    return Said(code, out.getvalue(), err.getvalue())
