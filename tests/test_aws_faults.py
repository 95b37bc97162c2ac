import pytest
from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from opskit.aws.faults import MESSAGE_CHARS, explain, http_status, iam_action, is_systemic


def refusal(code: str, message: str = "", status: int = 400, retries: int = 0) -> boto.ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"RetryAttempts": retries, "HTTPStatusCode": status},
    }
    return boto.ClientError(answer, "GetMetricData")


@pytest.mark.parametrize(
    ("code", "text", "systemic"),
    [
        ("AccessDenied", "denied: needs cloudwatch:GetMetricData", False),
        ("AccessDeniedException", "denied: needs cloudwatch:GetMetricData", False),
        ("AWS.SimpleQueueService.AccessDeniedException", "denied: needs cloudwatch:GetMetricData", False),
        ("UnauthorizedOperation", "denied: needs cloudwatch:GetMetricData", False),
        ("ExpiredToken", "AWS credentials expired: run aws sso login or renew them", True),
        ("ExpiredTokenException", "AWS credentials expired: run aws sso login or renew them", True),
        ("RequestExpired", "AWS refused the request's time: set this machine's clock", True),
        ("InvalidClientTokenId", "AWS does not know these credentials", True),
        ("UnrecognizedClientException", "AWS does not know these credentials", True),
        ("SignatureDoesNotMatch", "AWS refused the signature: the secret access key is wrong", True),
        ("Throttling", "throttled after 4 tries: why", False),
        ("ThrottlingException", "throttled after 4 tries: why", False),
        ("TooManyRequestsException", "throttled after 4 tries: why", False),
        ("ResourceNotFoundException", "not found: why", False),
        ("AWS.SimpleQueueService.NonExistentQueue", "not found: why", False),
        ("ValidationException", "AWS refused the request (ValidationException): why", False),
        ("MalformedQueryException", "AWS refused the request (MalformedQueryException): why", False),
        ("OptInRequired", "the account is not enabled for this service or region", False),
        ("SomethingNew", "SomethingNew: why", False),
    ],
)
def test_error_codes(code: str, text: str, systemic: bool) -> None:
    fault = explain(refusal(code, "why", retries=3), "cloudwatch", "GetMetricData")
    assert fault.code == code
    assert fault.text.startswith(text)
    assert is_systemic(fault.code) is systemic


def test_server_fault_tells_status_and_tries() -> None:
    fault = explain(refusal("InternalFailure", "oops", 500, retries=3))
    assert fault.text == "AWS failed (InternalFailure, HTTP 500) after 4 tries: oops"


def test_denial_names_the_action_that_aws_names() -> None:
    message = (
        "User: arn:aws:iam::123456789012:user/oncall is not authorized to perform: kms:Decrypt on "
        "resource: key with an explicit deny in a service control policy"
    )
    fault = explain(refusal("AccessDeniedException", message), "lambda", "GetFunction")
    assert fault.text == "denied: needs kms:Decrypt, and a policy denies it explicitly"
    assert "oncall" not in fault.text


def test_signature_of_a_machine_whose_clock_is_off() -> None:
    fault = explain(refusal("InvalidSignatureException", "Signature expired: 2026 is now earlier than 2027"))
    assert "clock" in fault.text


@pytest.mark.parametrize(
    ("error", "text", "systemic"),
    [
        (boto.NoCredentialsError(), "no AWS credentials found: set AWS_PROFILE, run aws sso login", True),
        (
            boto.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"),
            "AWS credentials are incomplete: AWS_SECRET_ACCESS_KEY is missing",
            True,
        ),
        (boto.ProfileNotFound(profile="qa"), "AWS profile qa does not exist", True),
        (
            boto.SSOTokenLoadError(error_msg="x"),
            "the SSO session is missing or expired: run aws sso login",
            True,
        ),
        (boto.UnauthorizedSSOTokenError(), "the SSO session is missing or expired: run aws sso login", True),
        (boto.NoRegionError(), "no AWS region: pass --region or set AWS_REGION", True),
        (
            boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:1/a/b", error="Connection refused"),
            "cannot reach http://127.0.0.1:1: connection refused",
            True,
        ),
        (
            boto.EndpointConnectionError(endpoint_url="https://aws.invalid", error="Failed to resolve 'x'"),
            "cannot reach https://aws.invalid: unknown host name",
            True,
        ),
        (
            boto.ConnectTimeoutError(endpoint_url="https://aws.invalid/"),
            "cannot reach https://aws.invalid: no connection in time",
            True,
        ),
        (
            boto.ReadTimeoutError(endpoint_url="https://aws.invalid/"),
            "no answer from https://aws.invalid in time",
            False,
        ),
        (
            boto.ConnectionClosedError(endpoint_url="https://aws.invalid/"),
            "https://aws.invalid closed the connection without an answer",
            False,
        ),
        (boto.SSLError(endpoint_url="https://aws.invalid/", error="x"), "no trusted TLS connection", True),
        (
            boto.ParamValidationError(report="Unknown parameter\nX"),
            "not a valid request: Unknown parameter X",
            False,
        ),
        (ResponseParserError("<html>"), "the answer is not AWS's", False),
        (boto.UnknownKeyError(value="v", param="p", choices="c"), "Unknown key 'v'", False),
    ],
)
def test_calls_without_an_answer(error: Exception, text: str, systemic: bool) -> None:
    fault = explain(error)
    assert fault.code == type(error).__name__
    assert fault.text.startswith(text)
    assert is_systemic(fault.code) is systemic


def test_message_is_one_masked_line() -> None:
    fault = explain(refusal("ValidationException", "bad\n\tvalue password=hunter2 " + "x" * 10_000))
    assert "\n" not in fault.text
    assert "hunter2" not in fault.text
    assert len(fault.text) < MESSAGE_CHARS + 100


@pytest.mark.parametrize(
    ("service", "operation", "action"),
    [
        ("cloudwatch", "GetMetricData", "cloudwatch:GetMetricData"),
        ("stepfunctions", "ListExecutions", "states:ListExecutions"),
        ("apigateway", "GetStage", "apigateway:GET"),
        ("dynamodbstreams", "DescribeStream", "dynamodb:DescribeStream"),
    ],
)
def test_iam_actions(service: str, operation: str, action: str) -> None:
    assert iam_action(service, operation) == action


def test_a_code_with_the_prefix_that_sqs_puts_before_it_is_systemic_too() -> None:
    assert is_systemic("AWS.SimpleQueueService.ExpiredTokenException")
    assert not is_systemic("AWS.SimpleQueueService.NonExistentQueue")


def test_the_http_status_of_a_fault_without_an_answer_is_zero() -> None:
    assert http_status(boto.ReadTimeoutError(endpoint_url="http://127.0.0.1")) == 0
    assert http_status(boto.NoCredentialsError()) == 0
    answer = {"Error": {}, "ResponseMetadata": {"HTTPStatusCode": 503}}
    assert http_status(boto.ClientError(answer, "SendMessageBatch")) == 503


def test_a_batch_of_sqs_takes_the_right_to_its_single_call() -> None:
    assert iam_action("sqs", "DeleteMessageBatch") == "sqs:DeleteMessage"
    assert iam_action("sqs", "ListMessageMoveTasks") == "sqs:ListMessageMoveTasks"
