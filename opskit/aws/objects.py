"""Objects of an S3 bucket: listed, read and deleted, each only as it was listed."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from opskit.aws.session import Aws

PAGE = 1000
"""Objects in a listing's answer, at most (S3 API Reference, ListObjectsV2)."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object as the listing has it."""

    key: str
    size_bytes: int
    etag: str
    modified_ms: int
    """Epoch milliseconds."""


class Bucket:
    """A bucket by its name. Methods raise `faults.FAULTS`."""

    def __init__(self, aws: Aws, name: str) -> None:
        self.name = name
        self._client = aws.client("s3")

    def objects(self, prefix: str, limit: int, after: str = "") -> Iterator[Stored]:
        """Yield at most `limit` objects whose keys begin with `prefix`, by key, those after `after` only."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name,
            Prefix=prefix,
            StartAfter=after,
            PaginationConfig={"PageSize": min(limit, PAGE)},
        )
        rows = (row for page in pages for row in page.get("Contents", ()))
        for row in islice(rows, limit):
            modified_ms = round(row["LastModified"].timestamp() * 1000)
            yield Stored(row["Key"], int(row["Size"]), row["ETag"], modified_ms)

    def read(self, one: Stored) -> bytes:
        """Return an object's content; a fault if it is another one by now."""
        answer = self._client.get_object(Bucket=self.name, Key=one.key, IfMatch=one.etag)
        content: bytes = answer["Body"].read()
        return content

    def delete(self, one: Stored) -> None:
        """Delete an object if it is the one that was listed; a versioned bucket keeps the version."""
        self._client.delete_object(Bucket=self.name, Key=one.key, IfMatch=one.etag)
