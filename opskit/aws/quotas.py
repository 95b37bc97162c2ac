"""How often AWS lets an account call an API in a region, so that a large fleet is not throttled.

Figures are the documented defaults: Lambda guide "Lambda quotas" (GetFunction 100/s, GetPolicy 15/s, the
rest of its control plane together 15/s), CloudWatch guide "service quotas" (GetMetricData 50/s,
DescribeAlarms 9/s), Kinesis API reference (DescribeStreamSummary 20/s, ListStreams 5/s), API Gateway guide
"quotas" (its control plane together 10/s), SNS quotas (ListSubscriptionsByTopic 30/s), CloudTrail
(LookupEvents 2/s). Where none is documented, such as for SQS, or none that matters, such as for DynamoDB,
only the number at a time is bounded.
"""

from opskit.lanes import Lane

_BY_OPERATION = {
    ("lambda", "GetFunction"): Lane("lambda GetFunction", 8, 100),
    ("lambda", "GetPolicy"): Lane("lambda GetPolicy", 4, 15),
    ("cloudwatch", "GetMetricData"): Lane("cloudwatch GetMetricData", 4, 50),
    ("cloudwatch", "DescribeAlarms"): Lane("cloudwatch DescribeAlarms", 2, 9),
    ("kinesis", "DescribeStreamSummary"): Lane("kinesis DescribeStreamSummary", 6, 20),
    ("kinesis", "ListStreams"): Lane("kinesis ListStreams", 1, 5),
    ("sns", "ListSubscriptionsByTopic"): Lane("sns ListSubscriptionsByTopic", 6, 30),
    ("cloudtrail", "LookupEvents"): Lane("cloudtrail LookupEvents", 2, 2),
}
_BY_SERVICE = {
    "dynamodb": Lane("dynamodb", 12),
    "sqs": Lane("sqs", 12),
    "lambda": Lane("lambda", 6, 15),
    "apigateway": Lane("apigateway", 4, 10),
    "apigatewayv2": Lane("apigateway", 4, 10),
}


def lane(service: str, operation: str) -> Lane:
    """Return the lane in which an operation is called."""
    by_operation = _BY_OPERATION.get((service, operation))
    return by_operation or _BY_SERVICE.get(service) or Lane(service)
