"""What comes in: records, messages, table writes and HTTP requests; a few each second, all of it measured."""

import itertools
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from endtoend.deploy import Deployment
from endtoend.fleet import Member
from endtoend.forward import Measured
from endtoend.outside import now_iso

SAMPLED_S = 10
POISON = b"\xff\x00 no JSON"
ALONE = "fan-of-the-followed-request"
"""A fan of whom nothing else comes: their first score is always published, and under that request's ids."""
ACTIVITY, PROFILE = "content.viewed", "profile.updated"


def event(kind: str, user: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
    """A fan event."""
    meta = {"correlationId": str(uuid.uuid4())}
    told = {"id": str(uuid.uuid4()), "type": kind, "userId": user, "occurredAt": now_iso()}
    return {**told, "data": data or {"points": 3}, "meta": meta}


class Traffic:
    """Sends to a deployed fleet, one `tick` a second; `token` makes a token of a fan, or of any."""

    def __init__(self, deployment: Deployment, fleet: Iterable[Member], token: Callable[[str], str]) -> None:
        self._deployment = deployment
        self._fleet = tuple(fleet)
        self._token = token
        self._seconds = itertools.count()
        self.measured = Measured()

    def tick(self) -> None:
        """Send what is due in this second, and look at the queues now and then."""
        second = next(self._seconds)
        for number, member in enumerate(self._fleet):
            every, send = _SENDERS[member.worker.sources[0].trigger]
            if (second + number) % every == 0:
                send(self, member, second)
        if second % SAMPLED_S == 0:
            self._sample()

    def poison(self, member: Member) -> None:
        """Put a record that nobody can read, into the first shard."""
        self._put(member, POISON, shard=0)

    def all_have_worked(self) -> bool:
        """Tell whether each function has run: ministack makes its log group then."""
        logs = self._deployment.client("logs")
        pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/")
        groups = {group["logGroupName"] for page in pages for group in page["logGroups"]}
        return all(member.worker.log_group in groups for member in self._fleet)

    def _record(self, member: Member, second: int) -> None:
        for shard in range(member.worker.expected["shards"]):
            body = event(ACTIVITY, f"fan-{shard}-{second}")
            self._put(member, json.dumps(body).encode(), shard)

    def _put(self, member: Member, data: bytes, shard: int) -> None:
        shards = member.worker.expected["shards"]
        self._deployment.client("kinesis").put_record(
            StreamName=member.source,
            Data=data,
            PartitionKey=str(uuid.uuid4()),
            ExplicitHashKey=str(shard * 2**128 // shards),
        )

    def _message(self, member: Member, second: int) -> None:
        body = event(PROFILE, f"fan-{second}")
        self._deployment.client("sqs").send_message(
            QueueUrl=self._deployment.queue_url(member.source), MessageBody=json.dumps(body)
        )

    def _change(self, member: Member, second: int) -> None:
        """Write to the watched table, unless another worker does."""
        if not member.fault:
            return
        item = {"userId": {"S": f"fan-{second}"}, "score": {"N": str(second)}, "version": {"N": "1"}}
        self._deployment.client("dynamodb").put_item(TableName=member.table, Item=item)

    def _request(self, member: Member, second: int) -> None:
        self.request(member)

    def request(self, member: Member, fan: str = "", headers: dict[str, str] | None = None) -> int:
        """Ask the API to validate a token; measure the answer and return its status."""
        path = member.worker.expected["path"]
        asked = urllib.request.Request(
            f"{self._deployment.api}{path}",
            data=json.dumps({"token": self._token(fan)}).encode(),
            headers={"Content-Type": "application/json", **(headers or {})},
        )
        began = time.time()
        try:
            with urllib.request.urlopen(asked, timeout=100) as answer:
                status: int = answer.status
        except urllib.error.HTTPError as error:
            with error:
                status = error.code
        stage = str(member.worker.expected["stage"])
        self.measured.api(member.source, stage, began, status, 1000 * (time.time() - began))
        return status

    def follow(self, correlation_id: str) -> bool:
        """Send a request with an id and a fan of its own; tell whether it was answered well."""
        member = next(one for one in self._fleet if one.worker.sources[0].trigger == "rest-api")
        return self.request(member, ALONE, {"x-correlation-id": correlation_id}) == 200

    def _sample(self) -> None:
        sqs = self._deployment.client("sqs")
        for member in self._fleet:
            dead = member.worker.dead_letter_queue
            own = (member.source,) if member.worker.sources[0].trigger == "sqs" else ()
            for name in (*own, *((dead,) if dead else ())):
                url = self._deployment.queue_url(name)
                asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
                visible = float(asked["ApproximateNumberOfMessages"])
                metric = "ApproximateNumberOfMessagesVisible"
                self.measured.add("AWS/SQS", metric, ("QueueName", name), time.time(), visible)


Sender = Callable[[Traffic, Member, int], None]
_SENDERS: dict[str, tuple[int, Sender]] = {
    "kinesis": (2, Traffic._record),
    "sqs": (4, Traffic._message),
    "dynamodb-stream": (3, Traffic._change),
    "rest-api": (3, Traffic._request),
}
"""Every how many seconds, and how."""
