"""Start-up beside `python -c "import typer"`, all in one run; byte-code is compiled first."""

import compileall
import os
import subprocess
import sys
import time
from pathlib import Path

import opskit
import runbooks

ROUNDS = 15
"""Another load on the machine can spoil a round of measurements; a slow program spoils them all."""
BASE = "import typer"
COMPLETE = {"_OPSKIT_COMPLETE": "complete_bash", "COMP_WORDS": "opskit di", "COMP_CWORD": "1"}
ZSH = {"_OPSKIT_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "opskit diagnose str"}
CASES: dict[str, tuple[list[str], dict[str, str], float | None]] = {
    BASE: (["-c", "import typer"], {}, None),
    "--version": (["-m", "opskit", "--version"], {}, 1.5),
    "completion of a command (bash)": (["-m", "opskit"], COMPLETE, 1.5),
    "completion of a runbook (zsh)": (["-m", "opskit"], ZSH, 1.5),
    "--help": (["-m", "opskit", "--help"], {}, 2.7),
    "diagnose --help": (["-m", "opskit", "diagnose", "--help"], {}, 2.7),
}


def run_ms(arguments: list[str], environ: dict[str, str]) -> float:
    """Return the wall time of one whole process in milliseconds."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], env={**inherited, **environ}, check=True, capture_output=True
    )
    return (time.perf_counter() - began) * 1000


def measure() -> dict[str, float]:
    """Return the fastest run of each case in milliseconds, the cases taken in turns.

    The fastest is what the program itself takes; whatever else the machine does only adds to it.
    """
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, (arguments, environ, _limit) in CASES.items():
            times[name].append(run_ms(arguments, environ))
    return {name: min(values) for name, values in times.items()}


def show(fastest: dict[str, float]) -> None:
    """Print the times side by side, each with its goal."""
    print(f"\nstart-up, the fastest of {ROUNDS} processes")
    for name, value in fastest.items():
        limit, ratio = CASES[name][2], value / fastest[BASE]
        allowed = f"  (goal {limit})" if limit else ""
        print(f"  {name:32} {value:7.1f} ms  x {ratio:4.2f}{allowed}")


def test_start_up() -> None:
    for package in (opskit, runbooks):
        compileall.compile_dir(str(Path(str(package.__file__)).parent), quiet=1)
    show(measure())
