"""Byte-code beside a package's sources: Lambda's folder is read-only, so else each cold start compiles all.

Compiled modules say neither when nor where they were made: they are not compared with their sources
(unchecked-hash), and tracebacks show Lambda's paths.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from opskit.errors import OpskitError

TASK = "/var/task"
"""Where Lambda unpacks a package."""


def beside(files: Mapping[str, Path], into: Path) -> dict[str, Path]:
    """Return the files and their modules' byte-code for this interpreter; all of it stands in `into`.

    One process and a fixed hash seed: what a compiler wrote depends a little on what it compiled before.
    """
    for name in sorted(files):
        place = into / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files[name], place)
    how = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(into), "-p", TASK]
    command = [sys.executable, "-P", "-m", "compileall", *how, str(into)]
    done = subprocess.run(  # noqa: S603 - no shell
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONHASHSEED": "0"}
    )
    if done.returncode:
        raise OpskitError(f"byte-code: {done.stdout.strip().splitlines()[-1]}")
    return {path.relative_to(into).as_posix(): path for path in into.rglob("*") if path.is_file()}
