"""Is what was built what runs? A green apply does not say so: an update goes on after it, and may fail.

    python -m workers.infra.live --packages packages.tfvars.json --stack scoring --env prod --region us-east-1

For each worker of the stack that is deployed in the region: its last update was successful, and the version
that is invoked has the package's CodeSha256. LastModified is no proof: it changes with every setting.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from opskit import inventory
from opskit.errors import CannotLookError, OpskitError, UsageError
from opskit.inventory import Worker
from opskit.settings import Settings, printable

WAIT_S, EVERY_S = 300, 5


def problems(worker: Worker, sha256: str, client: Any, wait_s: int = WAIT_S) -> Iterator[str]:
    """Yield what keeps a package from being what a worker runs; `client` is boto3's for Lambda."""
    at = worker.function
    try:
        attempts = {"Delay": EVERY_S, "MaxAttempts": max(1, wait_s // EVERY_S)}
        client.get_waiter("function_updated_v2").wait(FunctionName=at, WaiterConfig=attempts)
    except WaiterError:
        now = client.get_function_configuration(FunctionName=at)
        reason = now.get("LastUpdateStatusReason", "no reason given")
        yield f"{at}: its last update is {now.get('LastUpdateStatus')}: {reason}; the old code still serves"
        return
    qualifier = {"Qualifier": worker.alias} if worker.alias else {}
    served = client.get_function_configuration(FunctionName=at, **qualifier)
    if served["CodeSha256"] != sha256:
        yield f"{at}: version {served['Version']} runs with CodeSha256 {served['CodeSha256']}, not {sha256}"
    if served.get("State") == "Failed":
        yield f"{at}: it is Failed: {served.get('StateReason', 'no reason given')}"
    if worker.alias:
        yield from _shared(worker, client)


def _shared(worker: Worker, client: Any) -> Iterator[str]:
    routing = client.get_alias(FunctionName=worker.function, Name=worker.alias).get("RoutingConfig") or {}
    weights = routing.get("AdditionalVersionWeights")
    if weights:
        yield f"{worker.function}: {worker.alias} still shares its traffic with {', '.join(weights)}"


def stack_workers(stack: str, env: str, region: str) -> list[Worker]:
    """Return the workers of a stack that its manifests deploy in a region; UsageError if there is none."""
    found = inventory.load(Settings(env=env, region=region)).workers
    own = [worker for worker in found if worker.stack == stack and worker.deployed_here]
    if not own:
        raise UsageError(f"no worker of the stack {stack} is deployed in {region}")
    return own


def check(workers: Sequence[Worker], packages: Mapping[str, Any], client: Any) -> list[str]:
    """Return what is wrong with each worker; UsageError if a package is not listed."""
    lacking = [worker.name for worker in workers if worker.name not in packages]
    if lacking:
        raise UsageError(f"no package of {', '.join(lacking)} is listed")
    return [text for worker in workers for text in problems(worker, packages[worker.name]["sha256"], client)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is wrong, a line each; 1 if anything is."""
    options = _parser().parse_args(arguments)
    try:
        packages = _listed(options.packages)
        workers = stack_workers(options.stack, options.env, options.region)
        wrong = check(workers, packages, boto3.client("lambda", region_name=options.region))
    except OpskitError as error:
        return _say(f"live: {error}", int(error.exit))
    except (BotoCoreError, ClientError, KeyError) as error:
        return _say(f"live: could not look: {error!r}", 3)
    for text in wrong:
        _say(text, 1)
    if not wrong:
        print(f"live in {options.region}: {', '.join(worker.name for worker in workers)}")  # noqa: T201
    return 1 if wrong else 0


def _listed(file: Path) -> Mapping[str, Any]:
    """Return the packages that a file of artifacts lists; CannotLookError if it is none."""
    try:
        packages = json.loads(file.read_text("utf-8"))["packages"]
    except OSError as error:
        raise CannotLookError(f"{file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CannotLookError(f'{file}: expected {{"packages": ...}}') from error
    if not isinstance(packages, Mapping):
        raise CannotLookError(f'{file}: expected {{"packages": ...}}')
    return packages


def _say(text: str, code: int) -> int:
    print(printable(text), file=sys.stderr)  # noqa: T201
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.infra.live", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--packages", type=Path, required=True)
    for name in ("stack", "env", "region"):
        parser.add_argument(f"--{name}", required=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
