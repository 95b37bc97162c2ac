"""Dead letters as AWS writes them, for tests: the shapes of its documentation."""

import json
from typing import Any

from opskit.redrive.letter import Letter

ACCOUNT = "123456789012"
FUNCTION_ARN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:scoreUsers"
STREAM_ARN = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/user-events"
TABLE_STREAM_ARN = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/users/stream/2026-01-02T03:04:05.678"
TOPIC_ARN = f"arn:aws:sns:us-east-1:{ACCOUNT}:profile-changes"


def async_letter(body: str = '{"userId": 7}', number: int = 0) -> Letter:
    """An event in a function's dead-letter queue."""
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": f"request-{number}"},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "RuntimeError: no such user"},
    }
    return Letter(f"m-{number}", body, attributes)


def invocation(
    payload: str = '{"userId": 7}', function: str = f"{FUNCTION_ARN}:$LATEST", **context: Any
) -> str:
    """A record of an asynchronous invocation; `payload` is put into it as it is."""
    said = {
        "requestId": "e4b46cbf-b738-4a4c-8880-a18cdf61200e",
        "functionArn": function,
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    return (
        f'{{"version": "1.0", "timestamp": "2026-11-14T18:16:05.568Z", '
        f'"requestContext": {json.dumps(said | context)}, "requestPayload": {payload}, '
        '"responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}, '
        '"responsePayload": {"errorMessage": "no such user"}}'
    )


def batch(service: str = "kinesis", function: str = FUNCTION_ARN, payload: str = "", **info: Any) -> str:
    """A record of a stream's batch; `info` overrides what it says of the batch."""
    name = {"kinesis": "KinesisBatchInfo", "dynamodb": "DDBStreamBatchInfo"}[service]
    said = {
        "requestContext": {
            "requestId": "c9b8fa9f-5a7f-4d3a-af9c-0c604cde93a5",
            "functionArn": function,
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": "2026-11-14T00:38:06.021Z",
        name: {
            "shardId": "shardId-000000000001",
            "startSequenceNumber": "49601189658422359378836298521827638475320189012309704722",
            "endSequenceNumber": "49601189658422359378836298522902373528957594348623495186",
            "approximateArrivalOfFirstRecord": "2026-11-14T00:38:04.835Z",
            "approximateArrivalOfLastRecord": "2026-11-14T00:38:05.580Z",
            "batchSize": 500,
            "streamArn": STREAM_ARN if service == "kinesis" else TABLE_STREAM_ARN,
            **info,
        },
    }
    return json.dumps(said | ({"payload": payload} if payload else {}))


def notification(topic: str = TOPIC_ARN, subscription: str = "", **said: Any) -> str:
    """A notification as SNS wraps it."""
    url = "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe&SubscriptionArn="
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": topic,
            "Subject": "changed",
            "Message": "Zürich ✓",
            "Timestamp": "2026-11-02T00:54:06.655Z",
            "SignatureVersion": "1",
            "Signature": "EXAMPLE",
            "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-x.pem",
            "UnsubscribeURL": f"{url}{subscription or f'{topic}:c9135db0-26c4-47ec-8998-413945fb5a96'}",
            **said,
        },
        ensure_ascii=False,
    )
