"""One run's botocore clients for a region, a profile and an endpoint: made when first used, then kept."""

import threading
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    InvalidEndpointConfigurationError,
    NoCredentialsError,
)

from opskit import __version__
from opskit.aws.parsing import QuickParsers

TRIES = 4
"""Attempts per request. The standard retry mode waits at most 1 + 2 + 4 s between four of them."""
CONNECT_TIMEOUT_S = 3
READ_TIMEOUT_S = 15
CONNECTIONS = 32
"""Connections kept per client: as many as the gatherer has calls in flight."""

AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".aws.dev", ".c2s.ic.gov", ".sc2s.sgov.gov")


class Aws:
    """Thread-safe access to AWS; `client` raises botocore's exceptions, which `faults.explain` words.

    Without `endpoint_url` botocore's own rules hold: AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE>, the
    profile's `endpoint_url`, then AWS itself. With `role_arn` the profile's credentials assume that role
    first, for an hour.
    """

    def __init__(
        self,
        region: str,
        profile: str | None = None,
        endpoint_url: str | None = None,
        role_arn: str | None = None,
    ) -> None:
        self.region = region
        self.profile = profile or None
        self.role_arn = role_arn or None
        self._endpoint_url = endpoint_url or None
        self._lock = threading.RLock()
        self._clients: dict[str, Any] = {}
        self._session: Any = None
        self._fault: BotoCoreError | ClientError | None = None

    def client(self, service: str) -> Any:
        """Return the one botocore client of `service`, such as "cloudwatch"."""
        made = self._clients.get(service)  # mostly it is there, and a lock costs as much as a small answer
        if made is not None:
            return made
        with self._lock:
            if self._fault is not None:
                raise self._fault
            if service not in self._clients:
                self._clients[service] = self._create(service)
            return self._clients[service]

    def client_once(self, service: str, wait_s: float = 0) -> Any:
        """Return a client of `service` that sends each request once, whatever becomes of it.

        For calls that must not be carried out twice unseen. The caller tries again, and knows it. `wait_s` is
        how much longer than READ_TIMEOUT_S an answer may take.
        """
        with self._lock:
            self.client(service)  # raises what is wrong with the credentials
            key = f"{service} once {wait_s}"
            if key not in self._clients:
                self._clients[key] = self._create(service, tries=1, wait_s=wait_s)
            return self._clients[key]

    def endpoint(self) -> str:
        """Return the endpoint in use if it is not AWS's own, else ""."""
        url: str = self.client("sts").meta.endpoint_url
        host = urlsplit(url).hostname or ""
        return "" if host.endswith(AWS_DOMAINS) else url

    def close(self) -> None:
        """Close the clients' connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _create(self, service: str, tries: int = TRIES, wait_s: float = 0) -> Any:
        try:
            session = self._signed_in()
            return session.create_client(
                service,
                region_name=self.region or None,
                endpoint_url=self._endpoint_url,
                config=_config(service, tries, wait_s),
            )
        except BotoCoreError:
            raise
        except ValueError as error:  # botocore raises a plain one for an endpoint that is no URL
            raise InvalidEndpointConfigurationError(msg=str(error)) from error

    def _signed_in(self) -> Any:
        """Return the session once credentials were found.

        A failed search is kept: botocore would repeat it for each client, and the last place it looks at
        is a metadata service that takes its time to be absent.
        """
        if self._session is not None:
            return self._session
        try:
            session = botocore.session.Session(profile=self.profile)
            session.register_component("response_parser_factory", QuickParsers())
            if session.get_credentials() is None:
                raise NoCredentialsError
            if self.role_arn:
                self._assume(session, self.role_arn)
        except (BotoCoreError, ClientError) as fault:
            self._fault = fault
            raise
        except OSError as error:  # a profile's credential_process that cannot be started
            self._fault = CredentialRetrievalError(provider="credential_process", error_msg=str(error))
            raise self._fault from error
        self._session = session
        return session

    def _assume(self, session: Any, role_arn: str) -> None:
        """Give the session the credentials of a role, as STS lends them."""
        with closing(
            session.create_client(
                "sts", region_name=self.region or None, endpoint_url=self._endpoint_url, config=_config("sts")
            )
        ) as sts:
            lent = sts.assume_role(RoleArn=role_arn, RoleSessionName="opskit")["Credentials"]
        session.set_credentials(lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"])


def _config(service: str, tries: int = TRIES, wait_s: float = 0) -> Config:
    return Config(
        # Where nothing is tried again the older mode does the same, in less time a call. So it does for SQS,
        # of whose faults both modes try the same ones again.
        retries={
            "mode": "standard" if tries > 1 and service != "sqs" else "legacy",
            "total_max_attempts": tries,
        },
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=READ_TIMEOUT_S + wait_s,
        max_pool_connections=CONNECTIONS,
        # SQS moves letters by the thousand; what is sent there is never what a user typed.
        parameter_validation=service != "sqs",
        # botocore's own, made anew for every request, takes a tenth of the time of a small call.
        user_agent=f"opskit/{__version__} Botocore/{botocore.__version__}",
    )
