"""The packages in S3: put there once for each commit, never written over, and found again to go back.

    python -m workers.infra.artifacts publish --commit SHA --bucket B --region us-east-1 --out FILE
    python -m workers.infra.artifacts fetch --commit SHA --bucket B --region us-east-1 --out FILE

A package lies in `<bucket>-<region>` under `<commit>/<worker>.zip`, for Lambda takes code from its own region
only. `<commit>/packages.json` is written last: a commit that has it is complete. FILE gets what Terraform
takes as its variable `packages`.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from opskit.errors import OpskitError, UsageError
from opskit.settings import printable
from workers.package import code_sha256

LIST = "packages.json"
Packages = Mapping[str, Mapping[str, str]]
"""Worker: {"key", "sha256"}, the hash as Lambda shows it."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_IS_THERE = ("PreconditionFailed", "ConditionalRequestConflict")
_IS_NOT_THERE = ("NoSuchKey", "404", "NotFound")


@dataclass(frozen=True)
class Bucket:
    """The packages' bucket in one region; `client` is boto3's for S3."""

    name: str
    client: Any

    def put(self, key: str, body: bytes, sha256: str) -> bool:
        """Put an object there, and tell whether it is new; UsageError if another one has its key."""
        try:
            self.client.put_object(
                Bucket=self.name,
                Key=key,
                Body=body,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=sha256,
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _IS_THERE:
                raise
            if self.sha256(key) != sha256:
                raise UsageError(
                    f"s3://{self.name}/{key} is there with other bytes: one commit has one package"
                ) from error
            return False
        return True

    def sha256(self, key: str) -> str:
        """Return an object's SHA-256 in base64, as S3 checked it; "" if there is none."""
        try:
            found = self.client.head_object(Bucket=self.name, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error.response["Error"]["Code"] in _IS_NOT_THERE:
                return ""
            raise
        return str(found.get("ChecksumSHA256", ""))

    def packages(self, commit: str) -> Packages:
        """Return what a commit's list says; UsageError if it has none."""
        key = f"{commit}/{LIST}"
        try:
            found: Packages = json.loads(self.client.get_object(Bucket=self.name, Key=key)["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] in _IS_NOT_THERE:
                raise UsageError(
                    f"s3://{self.name}/{key}: no such object; was {commit[:12]} built on the default branch?"
                ) from error
            raise
        return found


def publish(dist: Path, commit: str, buckets: Sequence[Bucket]) -> Packages:
    """Put all packages of `dist` into every region's bucket; the list of them last."""
    paths = sorted(dist.glob("*.zip"))
    if not paths:
        raise UsageError(f"{dist}: no packages; run python -m workers.package --out {dist}")
    packages = {
        path.stem: {"key": f"{commit}/{path.name}", "sha256": code_sha256(path.read_bytes())}
        for path in paths
    }
    text = json.dumps(packages, indent=2, sort_keys=True).encode()
    for bucket in buckets:
        for path in paths:
            bucket.put(packages[path.stem]["key"], path.read_bytes(), packages[path.stem]["sha256"])
        bucket.put(f"{commit}/{LIST}", text, code_sha256(text))
    return packages


def fetch(commit: str, buckets: Sequence[Bucket]) -> Packages:
    """Return a commit's packages; UsageError if one is not in every region as it was built."""
    packages = buckets[0].packages(commit)
    for bucket in buckets:
        for package in packages.values():
            if bucket.sha256(package["key"]) != package["sha256"]:
                raise UsageError(f"s3://{bucket.name}/{package['key']} is missing or is not what was built")
    return packages


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish or fetch; one line that says what is wrong, if anything is."""
    options = _parser().parse_args(arguments)
    try:
        if not _COMMIT.fullmatch(options.commit):
            raise UsageError(
                f"--commit: expected all 40 digits of a commit, got {options.commit or 'nothing'}"
            )
        buckets = [
            Bucket(f"{options.bucket}-{region}", boto3.client("s3", region_name=region))
            for region in options.region
        ]
        publishing = options.what == "publish"
        packages = (
            publish(options.dist, options.commit, buckets) if publishing else fetch(options.commit, buckets)
        )
        options.out.write_text(json.dumps({"packages": packages}, indent=2, sort_keys=True) + "\n")
    except OpskitError as error:
        return _refuse(str(error), int(error.exit))
    except (BotoCoreError, ClientError, OSError) as error:
        return _refuse(str(error), 4)
    print(f"{options.what}ed {', '.join(packages)} of {options.commit[:12]}")  # noqa: T201 - the result
    return 0


def _refuse(text: str, code: int) -> int:
    print(f"artifacts: {printable(text)}", file=sys.stderr)  # noqa: T201
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.infra.artifacts", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", choices=("publish", "fetch"))
    parser.add_argument("--commit", required=True)
    parser.add_argument("--bucket", required=True, help="the buckets' name, less the region")
    parser.add_argument("--region", action="append", required=True, help="repeatable")
    parser.add_argument("--dist", type=Path, default=Path("dist"), help="the folder of the built packages")
    parser.add_argument("--out", type=Path, required=True, help="the file of Terraform's variable")
    return parser


if __name__ == "__main__":
    sys.exit(main())
