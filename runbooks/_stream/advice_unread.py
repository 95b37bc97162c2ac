"""What to do where a mapping reads nothing: point it at what is there now, or mend its role's rights."""

import json
from collections.abc import Mapping

from opskit.model import Json, Target
from runbooks._stream import source as of_source
from runbooks._stream.advice import Advice, delete_mapping
from runbooks._stream.advice_mapping import create_mapping

KINESIS_ACTIONS = "kinesis:GetRecords kinesis:GetShardIterator kinesis:DescribeStream kinesis:ListShards"
FAN_OUT_ACTIONS = "kinesis:SubscribeToShard kinesis:DescribeStreamConsumer"
TABLE_ACTIONS = "dynamodb:GetRecords dynamodb:GetShardIterator dynamodb:DescribeStream dynamodb:ListStreams"


def repoint(
    target: Target, ours: Mapping[str, Json] | None, again: Mapping[str, Json] | None, read_until: int | None
) -> Advice:
    """Advise on a fan-out consumer that is not there: a mapping's source cannot be changed, so a new one."""
    avoid = (
        "do not delete the old mapping first: its checkpoint says where to go on",
        "do not start the new one at LATEST: what waits would be skipped",
    )
    if ours:
        look = f"aws kinesis describe-stream-consumer --consumer-arn {ours['arn']} --region {target.region}"
        return (f"wait while it is {ours['status']}, and look again: {look}",), avoid
    name = of_source.consumer_name(target)
    register = (
        f"register it again; it gets a new ARN: aws kinesis register-stream-consumer --stream-arn "
        f"{of_source.stream_arn(target)} --consumer-name {name} --region {target.region}"
    )
    arn = again["arn"] if again else "'<ARN of the new consumer>'"
    create = create_mapping(target, arn, read_until)
    return (
        *(() if again else (register,)),
        f"map the function to the consumer that is there, from before reading stopped: {create}",
        f"when it reads, delete the old mapping; expect some records twice: {delete_mapping(target)}",
    ), avoid


def follow(target: Target, latest: str) -> Advice:
    """Advise on a table whose stream is another one now, or none (`latest` is "")."""
    avoid = (
        "do not start at LATEST: all that changed since the new stream began would be skipped",
        "do not delete the old mapping before it has read the rest: the old stream is there for 24 hours",
    )
    if latest:
        create = create_mapping(target, latest, None)
        return (
            f"map the function to the table's stream, from its beginning: {create}",
            f"when the old stream is read to its end, delete the old mapping: {delete_mapping(target)}",
        ), avoid
    switch_on = (
        f"aws dynamodb update-table --table-name {target.source} --stream-specification "
        f"StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES --region {target.region}"
    )
    return (
        f"find who switched it off and why, then switch it on, with the view the worker reads: {switch_on}",
        "then map the function to the new stream; what changed meanwhile is in no stream: read the table",
    ), avoid


def restore(target: Target, role: str, key: str) -> Advice:
    """Advise on a role that may not read the stream, or may not use the key that encrypts it."""
    actions, resource = KINESIS_ACTIONS, of_source.stream_arn(target)
    if target.trigger == "dynamodb-stream":
        actions = TABLE_ACTIONS
    elif of_source.is_fan_out(target):
        actions, resource = FAN_OUT_ACTIONS, target.source_arn
    arn = role or "'<ARN of the role>'"
    name = role.rpartition("/")[2] or "'<name of the role>'"
    may = f"{arn} --action-names {actions} --resource-arns {resource} --region {target.region}"
    # IAM's events are in the trail of one region.
    who = f"--lookup-attributes AttributeKey=ResourceName,AttributeValue={name} --region us-east-1"
    do = [
        f"see what the role may do: aws iam simulate-principal-policy --policy-source-arn {may}",
        f"find who changed it: aws cloudtrail lookup-events {who}",
    ]
    if key:
        see = f"aws kms describe-key --key-id {key} --region {target.region}"
        do.append(f"see whether the key is enabled and its policy lets the role kms:Decrypt: {see}")
    grant = {"Effect": "Allow", "Action": actions.split(), "Resource": resource}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
    do.append(
        "give it back what is missing, until the deploy does; the mapping goes on from its checkpoint by "
        f"itself: aws iam put-role-policy --role-name {name} --policy-name read-the-stream "
        f"--policy-document '{policy}' --region {target.region}"
    )
    return tuple(do), (
        "do not recreate the mapping: its checkpoint would be lost, and the role is no better for it",
        "do not add capacity: nothing is read, so nothing is slow",
    )
