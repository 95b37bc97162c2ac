"""What went wrong with an AWS call, in one line that says what to do."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from opskit.mask import mask_secrets
from opskit.model import Reading, Status

FAULTS = (boto.ClientError, boto.BotoCoreError, ResponseParserError)
"""Everything that AWS, the network or the credentials can do to a call."""

MESSAGE_CHARS = 240


@dataclass(frozen=True, slots=True)
class Fault:
    """`code` is AWS's error code, or the exception's name when the call never got an answer."""

    code: str
    text: str

    def reading(self) -> Reading:
        """Return the failed reading that this fault makes of a signal."""
        return Reading(Status.FAILED, self.text, self.code)


def explain(error: Exception, service: str = "", operation: str = "") -> Fault:
    """Word one of FAULTS; `service` and `operation` (as botocore spells them) name a missing permission."""
    if isinstance(error, boto.ClientError):
        return _answered(error, service, operation)
    code = type(error).__name__
    for kind, word in _UNANSWERED:
        if isinstance(error, kind):
            return Fault(code, word(error))
    return Fault(code, _clip(error))


def http_status(error: Exception) -> int:
    """Return the HTTP status that AWS answered with; 0 if it did not answer."""
    answer = (
        getattr(error, "response", None) or {}
    )  # botocore gives some of its own faults a `response` of None
    return int(answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_systemic(code: str) -> bool:
    """Tell whether `code` stands for a fault that meets every call alike: credentials or endpoint."""
    return code.rpartition(".")[2] in _SYSTEMIC  # SQS says AWS.SimpleQueueService.<code> to some


def is_denied(code: str) -> bool:
    """Tell whether `code` says that a right is missing: the same call is denied again."""
    return code.rpartition(".")[2] in _DENIED


_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "KMSAccessDeniedException",
        "NotAuthorized",
        "NotAuthorizedException",
        "UnauthorizedOperation",
    }
)
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})
_CLOCK = frozenset({"RequestExpired", "RequestTimeTooSkewed"})
_UNKNOWN_KEY = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
    }
)
_SIGNATURE = frozenset({"InvalidSignature", "InvalidSignatureException", "SignatureDoesNotMatch"})
_NOT_ENABLED = frozenset({"OptInRequired", "SubscriptionRequiredException", "AccountProblem"})
_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_NOT_FOUND = re.compile(r"NotFound|NonExistent|NoSuch|DoesNotExist")
_REFUSED = re.compile(r"Validation|InvalidParameter|InvalidArgument|Malformed|MissingParameter|InvalidInput")

IAM_PREFIX = {
    "applicationautoscaling": "application-autoscaling",
    "apigatewayv2": "apigateway",
    "dynamodbstreams": "dynamodb",
    "elbv2": "elasticloadbalancing",
    "resourcegroupstaggingapi": "tag",
    "service-quotas": "servicequotas",
    "stepfunctions": "states",
}
"""Services whose IAM actions are not spelled with the name botocore knows the service by."""


def iam_action(service: str, operation: str) -> str:
    """Return the IAM action that lets one call an operation: "cloudwatch:GetMetricData".

    SQS's batches take the right of one message (SQS Developer Guide, "Amazon SQS API permissions"), Lambda's
    Invoke that of InvokeFunction (Service Authorization Reference, "Actions defined by AWS Lambda").
    """
    prefix = IAM_PREFIX.get(service, service)
    if prefix == "sqs":
        operation = operation.removesuffix("Batch")
    if (prefix, operation) == ("lambda", "Invoke"):
        operation = "InvokeFunction"
    return f"{prefix}:GET" if prefix == "apigateway" else f"{prefix}:{operation}"


def _answered(error: Any, service: str, operation: str) -> Fault:
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", "")) or "Unknown"
    message = _clip(answer.get("Error", {}).get("Message", ""))
    meta = answer.get("ResponseMetadata", {})
    return Fault(code, _worded(code, message, meta, iam_action(service, operation or error.operation_name)))


def _worded(code: str, message: str, meta: dict[str, Any], action: str) -> str:
    bare = code.rpartition(".")[2]  # SQS says AWS.SimpleQueueService.<code> to some
    for codes, word in _BY_CODE:
        if bare in codes:
            return word(message, action, int(meta.get("RetryAttempts", 0)) + 1)
    said = f": {message}" if message else ""
    if _NOT_FOUND.search(code):
        return f"not found{said}"
    if _REFUSED.search(code):
        return f"AWS refused the request ({code}){said}"
    if int(meta.get("HTTPStatusCode", 0)) >= 500:  # noqa: PLR2004 - HTTP's own class of server faults
        return f"AWS failed ({code}, HTTP {meta['HTTPStatusCode']}) {_tries(meta)}{said}"
    return f"{code}{said}"


def _tries(meta: dict[str, Any]) -> str:
    count = int(meta.get("RetryAttempts", 0)) + 1
    return "at the first try" if count == 1 else f"after {count} tries"


def _denied(message: str, action: str, _tries: int) -> str:
    named = re.search(r"not authorized to perform:? ([\w-]{1,64}:\w{1,128})", message)
    text = f"denied: needs {named.group(1) if named else action}"
    return f"{text}, and a policy denies it explicitly" if "explicit deny" in message else text


def _throttled(message: str, _action: str, tries: int) -> str:
    times = "1 try" if tries == 1 else f"{tries} tries"
    return f"throttled after {times}" + (f": {message}" if message else "")


_BY_CODE: tuple[tuple[frozenset[str], Callable[[str, str, int], str]], ...] = (
    (_DENIED, _denied),
    (_THROTTLED, _throttled),
    (_EXPIRED, lambda *_: "AWS credentials expired: run aws sso login or renew them"),
    (_CLOCK, lambda *_: "AWS refused the request's time: set this machine's clock"),
    (_UNKNOWN_KEY, lambda *_: "AWS does not know these credentials: check AWS_PROFILE or the access key"),
    (
        _SIGNATURE,
        lambda message, *_: (
            "AWS refused the request's time: set this machine's clock"
            if "expired" in message or "not yet current" in message
            else "AWS refused the signature: the secret access key is wrong"
        ),
    ),
    (_NOT_ENABLED, lambda *_: "the account is not enabled for this service or region"),
)


def _unreachable(error: Any) -> str:
    url = _origin(error)["endpoint_url"]
    return f"cannot reach {url}: {_network_reason(str(error.kwargs.get('error', '')))}"


def _network_reason(detail: str) -> str:
    for sign, reason in (
        ("refused", "connection refused"),
        ("resolve", "unknown host name"),
        ("Name or service not known", "unknown host name"),
        ("getaddrinfo", "unknown host name"),
        ("unreachable", "network unreachable"),
        ("reset", "connection reset"),
    ):
        if sign in detail:
            return reason
    return "no connection; check the network, the region and AWS_ENDPOINT_URL"


def _from(template: str) -> Callable[[Any], str]:
    """Return a wording that fills `template` with what botocore put into the exception."""
    return lambda error: _clip(template.format_map(_Known(error.kwargs | _origin(error))))


def _origin(error: Any) -> dict[str, str]:
    """Return the endpoint without the path, which differs per call: the same fault is the same line."""
    url = urlsplit(str(error.kwargs.get("endpoint_url", "")))
    return {"endpoint_url": f"{url.scheme}://{url.netloc}" if url.netloc else "the endpoint"}


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


_SSO = "the SSO session is missing or expired: run aws sso login"
_UNANSWERED: tuple[tuple[type[Exception], Callable[[Any], str]], ...] = (
    (
        boto.NoCredentialsError,
        lambda _: "no AWS credentials found: set AWS_PROFILE, run aws sso login or export AWS_ACCESS_KEY_ID",
    ),
    (boto.NoAuthTokenError, lambda _: _SSO),
    (boto.PartialCredentialsError, _from("AWS credentials are incomplete: {cred_var} is missing")),
    (boto.ProfileNotFound, _from("AWS profile {profile} does not exist: see aws configure list-profiles")),
    (boto.SSOError, lambda _: _SSO),
    (boto.TokenRetrievalError, lambda _: _SSO),
    (boto.LoginError, lambda _: "the AWS login session is missing or expired: run aws login"),
    (boto.RefreshWithMFAUnsupportedError, lambda _: "AWS credentials expired and renewing needs an MFA code"),
    (boto.CredentialRetrievalError, _from("no AWS credentials from {provider}: {error_msg}")),
    (boto.MetadataRetrievalError, _from("no AWS credentials from the metadata service: {error_msg}")),
    (boto.ConfigParseError, _from("cannot read the AWS config file {path}")),
    (boto.NoRegionError, lambda _: "no AWS region: pass --region or set AWS_REGION"),
    (boto.InvalidRegionError, _from("{region_name} is not an AWS region")),
    (boto.InvalidEndpointConfigurationError, _from("{msg}: AWS_ENDPOINT_URL must be http://host:port")),
    (boto.SSLError, _from("no trusted TLS connection to {endpoint_url}: check AWS_CA_BUNDLE and the proxy")),
    (boto.ProxyConnectionError, _from("cannot reach the proxy {proxy_url}: check HTTPS_PROXY")),
    (boto.ConnectTimeoutError, _from("cannot reach {endpoint_url}: no connection in time")),
    (boto.EndpointConnectionError, _unreachable),
    (boto.ReadTimeoutError, _from("no answer from {endpoint_url} in time")),
    (boto.ConnectionClosedError, _from("{endpoint_url} closed the connection without an answer")),
    (boto.ParamValidationError, _from("not a valid request: {report}")),
    (boto.PaginationError, _from("the pages of the answer do not end: {message}")),
    (ResponseParserError, lambda _: "the answer is not AWS's: check AWS_ENDPOINT_URL and the proxy"),
)

_SYSTEMIC = frozenset().union(_EXPIRED, _CLOCK, _UNKNOWN_KEY, _SIGNATURE) | {
    kind.__name__
    for kind in (
        boto.ConfigNotFound,
        boto.ConfigParseError,
        boto.ConnectTimeoutError,
        boto.CredentialRetrievalError,
        boto.EndpointConnectionError,
        boto.InfiniteLoopConfigError,
        boto.InvalidConfigError,
        boto.InvalidEndpointConfigurationError,
        boto.InvalidRegionError,
        boto.LoginError,
        boto.LoginRefreshRequired,
        boto.LoginTokenLoadError,
        boto.MetadataRetrievalError,
        boto.NoAuthTokenError,
        boto.NoCredentialsError,
        boto.NoRegionError,
        boto.PartialCredentialsError,
        boto.ProfileNotFound,
        boto.ProxyConnectionError,
        boto.RefreshWithMFAUnsupportedError,
        boto.SSLError,
        boto.SSOError,
        boto.SSOTokenLoadError,
        boto.TokenRetrievalError,
        boto.UnauthorizedSSOTokenError,
        boto.UnknownCredentialError,
    )
}


def _clip(text: object) -> str:
    """Return untrusted text as one masked line of at most MESSAGE_CHARS characters."""
    line = mask_secrets(" ".join(str(text)[: 4 * MESSAGE_CHARS].split()))
    return line if len(line) <= MESSAGE_CHARS else f"{line[: MESSAGE_CHARS - 3]}..."
