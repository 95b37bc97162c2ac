"""What to do about records that are gone or going, about what a filter drops, and about a replay."""

from collections.abc import Mapping

from opskit.model import Json, Readings, Target
from runbooks._stream import facts as stream
from runbooks._stream import settings
from runbooks._stream.advice import STOPGAP_RETENTION_H, keep_longer, update_mapping
from runbooks._stream.advice_mapping import destination

NOT_OVER = (
    "do not close the incident because the age is low: what expired was not processed",
    "do not shorten the retention again while anything waits",
)
NOT_RECOVERED = (
    "do not close the incident because the age fell: what was given up was not processed",
    "do not purge the destination: it alone says which records to replay, while the stream has them",
    "do not lower the retries or the record's age while the fault lasts: more would be given up",
)
NOT_UNFILTERED = (
    "do not remove the filter under load: all that it kept away would be invoked",
    "do not add capacity: nothing waits",
)


def replay(target: Target, readings: Readings, *, lasting: bool) -> tuple[str, ...]:
    """Advise on expired records: keep what can be kept, replay the rest from where it came from."""
    do = []
    hours = (stream.known(lambda: settings.retention_s(target, readings)) or 0) / 3600
    if target.trigger == "kinesis" and 0 < hours < STOPGAP_RETENTION_H:
        when = "now, before more expires" if lasting else "twice the worst outage at least"
        do.append(f"keep records longer, {when}: {keep_longer(target)}")
    if lasting:
        do.append("mend what keeps them from being read; each minute costs the oldest minute of records")
    do.append(
        "replay what was written in that time from where it came from: its producer, a table, an archive"
    )
    return tuple(do)


def recover(target: Target, found: Mapping[str, Json] | None) -> tuple[str, ...]:
    """Advise on records that the mapping gave up: its destination names them while the stream has them."""
    arn = (found or {}).get("on_failure_arn") or ""
    do = []
    if arn.split(":")[2:3] == ["sqs"]:
        _, _, _, region, account, queue = arn.split(":")
        url = f"https://sqs.{region}.amazonaws.com/{account}/{queue}"
        do.append(
            "see how many notices there are: aws sqs get-queue-attributes "
            f"--queue-url {url} --attribute-names ApproximateNumberOfMessages --region {region}"
        )
    elif not arn:
        options = f"--destination-config {destination(target)}"
        do.append(f"keep what is given up from now on: {update_mapping(target, options)}")
    else:
        do.append(
            f"read the notices at {arn}: each names the shard and the first and last record of its batch"
        )
    if target.trigger == "kinesis" and arn:
        do.append(
            "read each batch while the stream has it: aws kinesis get-shard-iterator "
            f"--stream-name {target.source} --shard-id '<shardId of the notice>' --shard-iterator-type "
            "AT_SEQUENCE_NUMBER --starting-sequence-number '<startSequenceNumber of the notice>' "
            f"--region {target.region}"
        )
    do.append("mend what refused them, then replay them; those without a notice from where they came from")
    return tuple(do)


def check_filter(target: Target, found: Mapping[str, Json]) -> tuple[str, ...]:
    """Advise on a filter that lets nothing through."""
    patterns = " ".join(found["filters"])
    now = f"aws lambda get-event-source-mapping --uuid {target.mapping_uuid} --region {target.region}"
    return (
        f"compare the filter with a record that should pass: {patterns}",
        f"if it is not meant, mend it in the manifest and deploy; see what it is now: {now}",
        "records that it dropped count as processed: replay them from a time before it shut",
    )
