"""What a worker's handler imports, and how long that takes, each in a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
_SCRIPT = """
import json, sys, time
before = set(sys.modules)
begun = time.perf_counter()
import workers.{folder}.handler
took_ms = (time.perf_counter() - begun) * 1000
new = set(sys.modules) - before
packages = sorted({{name.partition(".")[0] for name in new}} - sys.stdlib_module_names)
print(json.dumps({{"took_ms": took_ms, "modules": len(new), "packages": packages}}))
"""


@dataclass(frozen=True)
class Cold:
    """One cold import; `packages` are the top-level names outside the standard library."""

    took_ms: float
    modules: int
    packages: list[str]


def handlers() -> list[str]:
    """Return the folders of all workers that have a handler."""
    return sorted(one.parent.name for one in (ROOT / "workers").glob("*/handler.py"))


def cold(folder: str) -> Cold:
    """Import workers.<folder>.handler in a fresh process, as Lambda does, with no exporter configured."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ran = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(folder=folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=variables | {"PYTHONPATH": str(ROOT)},
    )
    assert ran.returncode == 0, ran.stderr
    return Cold(**json.loads(ran.stdout))
