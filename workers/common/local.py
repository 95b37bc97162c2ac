"""Lambda's context where there is no Lambda: on a developer's machine and in tests."""

import time
import uuid
from dataclasses import dataclass, field

ACCOUNT = "123456789012"


@dataclass(frozen=True, kw_only=True)
class LocalContext:
    """The members that Lambda's Python runtime gives; the clock is real and runs from the making.

    Source: Lambda guide, "Using the Lambda context object to retrieve Python function information".
    """

    function_name: str
    timeout_s: float
    memory_limit_in_mb: int
    region: str = "us-east-1"
    function_version: str = "$LATEST"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    _begun_s: float = field(default_factory=time.monotonic, repr=False)

    @property
    def invoked_function_arn(self) -> str:
        """The function's ARN, in an account that nobody has."""
        return f"arn:aws:lambda:{self.region}:{ACCOUNT}:function:{self.function_name}"

    @property
    def log_group_name(self) -> str:
        """The group that the function's lines would be in."""
        return f"/aws/lambda/{self.function_name}"

    @property
    def log_stream_name(self) -> str:
        """The stream of this execution environment."""
        return f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{self.function_version}]local"

    @property
    def identity(self) -> None:
        """No caller has a Cognito identity here."""

    @property
    def client_context(self) -> None:
        """No mobile client calls here."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds of the timeout that are left; 0 when it has passed."""
        return max(0, round((self._begun_s + self.timeout_s - time.monotonic()) * 1000))
