"""Start-up: what help, version and completion import, in a process of their own."""

import json
import os
import subprocess
import sys

import pytest

from opskit.cli.lean import UNUSED, import_help

HEAVY = {"botocore", "boto3", "duckdb", "pydantic", "moto", "httpx", "slack_sdk", "pdpyras", "markdown_it"}
PROBE = """
import json, sys
sys.argv = ["opskit", *json.loads(sys.argv[1])]
from opskit.cli import main
try:
    code = main()
except SystemExit as end:
    code = end.code
print(json.dumps({"code": code, "modules": sorted({name.partition(".")[0] for name in sys.modules})}))
"""


def imported(arguments: list[str], **environ: str) -> tuple[str, set[str]]:
    """Return what a command line printed, and the top-level modules that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, **environ},
    )
    out, _, told = done.stdout.rstrip("\n").rpartition("\n")
    assert not json.loads(told)["code"], done
    return out, set(json.loads(told)["modules"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["diagnose", "--help"],
        ["health", "--help"],
        ["sandbox", "--help"],
        ["sandbox", "start", "--help"],
        ["demo", "-h"],
        ["signals", "--help"],
        ["iam-policy", "--help"],
        ["cases", "add", "--help"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    out, modules = imported(arguments)
    assert "Usage: opskit" in out
    assert not modules & HEAVY


def test_what_help_leaves_out_can_be_imported_afterwards() -> None:
    import_help()
    from rich.markdown import Markdown  # noqa: PLC0415
    from rich.traceback import Traceback  # noqa: PLC0415

    assert {Markdown.__module__, Traceback.__module__} == set(UNUSED)


def test_version_imports_not_even_typer() -> None:
    out, modules = imported(["--version"])
    assert out.startswith("opskit ")
    assert not modules & (HEAVY | {"typer", "rich"})


ON_CALL = ["cases", "demo", "diagnose", "dlq", "find-resources", "health"]
KNOW = ["iam-policy", "invoke", "logs", "query", "redrive-dlq", "runbooks", "sandbox", "signals"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("opskit ", [*ON_CALL, *KNOW]),
        ("opskit di", ["diagnose"]),
        ("opskit query slo", ["slowest"]),
        ("opskit sandbox st", ["start", "status", "stop"]),
        ("opskit dlq ", ["drop", "list", "peek", "receipts", "restore"]),
        ("opskit redrive-dlq --to", ["--to", "--to-file", "--to-function"]),
        ("opskit dlq receipts --g", ["--give-up"]),
        ("opskit diagnose str", ["stream-lag"]),
        ("opskit diagnose stream-lag --fail", ["--fail-on"]),
        ("opskit demo poi", ["poison-after-deploy", "poison-record", "poison-table"]),
        ("opskit signals str", ["stream-lag"]),
        ("opskit cases ", ["add", "check"]),
        ("opskit diagnose --re", ["--region", "--replay"]),
    ],
)
def test_bash_completion(line: str, words: list[str]) -> None:
    environ = {
        "_OPSKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    out, modules = imported([], **environ)
    assert sorted(out.split()) == words
    assert not modules & HEAVY
    assert "rich.console" not in modules


def test_zsh_completion_explains_its_words() -> None:
    environ = {"_OPSKIT_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "opskit di"}
    out, modules = imported([], **environ)
    assert '"diagnose":"Name the root cause behind a symptom' in out
    assert not modules & HEAVY
