"""The packages in S3: never written over, found again to go back, the same in every region."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from opskit.errors import UsageError
from workers.infra import artifacts
from workers.package import code_sha256

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REGIONS = ("us-east-1", "us-west-2")


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[artifacts.Bucket]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        made = []
        for region in REGIONS:
            client = boto3.client("s3", region_name=region)
            where: dict[str, Any] = (
                {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
            )
            client.create_bucket(Bucket=f"packages-{region}", **where)
            made.append(artifacts.Bucket(f"packages-{region}", client))
        yield made


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    folder = tmp_path / "dist"
    folder.mkdir()
    for name in ("scoreUsers", "publishScores"):
        (folder / f"{name}.zip").write_bytes(f"the package of {name}".encode())
    return folder


def _keys(bucket: artifacts.Bucket) -> list[str]:
    return [one["Key"] for one in bucket.client.list_objects_v2(Bucket=bucket.name).get("Contents", ())]


def test_what_is_published_can_be_fetched(buckets: list[artifacts.Bucket], dist: Path) -> None:
    published = artifacts.publish(dist, COMMIT, buckets)
    assert published["scoreUsers"] == {
        "key": f"{COMMIT}/scoreUsers.zip",
        "sha256": code_sha256((dist / "scoreUsers.zip").read_bytes()),
    }
    for bucket in buckets:
        assert sorted(_keys(bucket)) == [
            f"{COMMIT}/{name}" for name in ("packages.json", "publishScores.zip", "scoreUsers.zip")
        ]
    assert artifacts.fetch(COMMIT, buckets) == published


def test_publishing_the_same_bytes_again_changes_nothing(buckets: list[artifacts.Bucket], dist: Path) -> None:
    first = artifacts.publish(dist, COMMIT, buckets)
    before = [
        bucket.client.head_object(Bucket=bucket.name, Key=_keys(bucket)[0])["ETag"] for bucket in buckets
    ]
    assert artifacts.publish(dist, COMMIT, buckets) == first
    after = [
        bucket.client.head_object(Bucket=bucket.name, Key=_keys(bucket)[0])["ETag"] for bucket in buckets
    ]
    assert after == before


def test_other_bytes_of_the_same_commit_are_refused(buckets: list[artifacts.Bucket], dist: Path) -> None:
    artifacts.publish(dist, COMMIT, buckets)
    (dist / "scoreUsers.zip").write_bytes(b"another package")
    with pytest.raises(
        UsageError, match=rf"packages-us-east-1/{COMMIT}/scoreUsers.zip is there with other bytes"
    ):
        artifacts.publish(dist, COMMIT, buckets)
    kept = buckets[0].client.get_object(Bucket=buckets[0].name, Key=f"{COMMIT}/scoreUsers.zip")["Body"].read()
    assert kept == b"the package of scoreUsers"


def test_a_publish_that_was_cut_off_is_no_commit_to_go_back_to(
    buckets: list[artifacts.Bucket], dist: Path
) -> None:
    path = dist / "scoreUsers.zip"
    buckets[0].put(f"{COMMIT}/{path.name}", path.read_bytes(), code_sha256(path.read_bytes()))
    with pytest.raises(UsageError, match=r"packages.json: no such object; was 0123456789ab built"):
        artifacts.fetch(COMMIT, buckets)
    artifacts.publish(dist, COMMIT, buckets)
    assert set(artifacts.fetch(COMMIT, buckets)) == {"scoreUsers", "publishScores"}


def test_a_package_that_a_region_lacks_is_named(buckets: list[artifacts.Bucket], dist: Path) -> None:
    artifacts.publish(dist, COMMIT, buckets)
    buckets[1].client.delete_object(Bucket=buckets[1].name, Key=f"{COMMIT}/publishScores.zip")
    with pytest.raises(UsageError, match=r"packages-us-west-2/.*publishScores.zip is missing"):
        artifacts.fetch(COMMIT, buckets)


def test_terraforms_variable_is_written(buckets: list[artifacts.Bucket], dist: Path, tmp_path: Path) -> None:
    out = tmp_path / "packages.tfvars.json"
    regions = [text for region in REGIONS for text in ("--region", region)]
    common = ["--commit", COMMIT, "--bucket", "packages", *regions, "--out", str(out)]
    assert artifacts.main(["publish", *common, "--dist", str(dist)]) == 0
    published = json.loads(out.read_text())
    out.unlink()
    assert artifacts.main(["fetch", *common]) == 0
    assert json.loads(out.read_text()) == published
    assert set(published["packages"]) == {"scoreUsers", "publishScores"}


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ({"commit": "HEAD"}, 2, "artifacts: --commit: expected all 40 digits of a commit, got HEAD\n"),
        ({"bucket": "others"}, 4, "NoSuchBucket"),
    ],
)
@pytest.mark.usefixtures("buckets")
def test_what_is_wrong_is_one_line(
    asked: dict[str, str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    given = {"commit": COMMIT, "bucket": "packages", "region": "us-east-1", "out": str(out), **asked}
    arguments = ["fetch", *(text for name, value in given.items() for text in (f"--{name}", value))]
    assert artifacts.main(arguments) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_nothing_to_publish_is_said(buckets: list[artifacts.Bucket], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no packages; run python -m workers\.package"):
        artifacts.publish(tmp_path, COMMIT, buckets)
