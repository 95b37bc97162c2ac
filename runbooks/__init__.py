"""One module per symptom: what to ask, which causes to tell apart, what to do and what not to do.

A runbook does no I/O, has no clock and imports no botocore; `opskit.model.Runbook` is what it offers.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import cast

from opskit.model import Runbook

_MODULES = {"stream-lag": "stream_lag"}


class _Catalogue(Mapping[str, Runbook]):
    """The runbooks by name; a module is imported when it is first asked for."""

    def __getitem__(self, name: str) -> Runbook:
        return cast(Runbook, import_module(f"{__name__}.{_MODULES[name]}"))

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


ALL: Mapping[str, Runbook] = _Catalogue()
