"""An AWS on this machine in the place of the user's, for as long as a command needs it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opskit.sandbox.process import Running


@contextmanager
def embedded_aws(incident: str | None) -> Iterator["Running"]:
    """Start an embedded AWS in which the incident goes on, an empty one if there is none.

    While it runs, AWS means this one.
    """
    from tempfile import TemporaryDirectory

    from opskit.sandbox import process

    with no_aws() as environ, TemporaryDirectory(prefix="opskit-aws-") as folder:
        environ["OPSKIT_STATE_DIR"] = folder
        with process.passing(incident) as running:
            environ.update(running.environment())
            yield running


@contextmanager
def aws_at(endpoint: str) -> Iterator[None]:
    """While the block runs, AWS means the endpoint, which is this machine's, with credentials of nobody."""
    with no_aws() as environ:
        nobody = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), "sandbox")
        environ.update({"AWS_ENDPOINT_URL": endpoint, **nobody})
        yield


@contextmanager
def no_aws() -> Iterator[os._Environ[str]]:
    """Hide the user's AWS settings, credentials and proxies, in environment and files; restore them."""
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        del os.environ[name]
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        os.environ[name] = os.devnull
    try:
        yield os.environ
    finally:
        os.environ.clear()
        os.environ.update(kept)
