"""botocore's reading of JSON answers, in less time: a large fleet has a million datapoints."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from botocore.parsers import JSONParser, ResponseParserFactory
from botocore.utils import parse_timestamp


class QuickParsers(ResponseParserFactory):  # type: ignore[misc]
    """Makes botocore's own parsers, but for the protocol "json" one that reads plain lists at once."""

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=_moment)

    def create_parser(self, protocol_name: str) -> Any:
        """Return a parser of answers in that protocol."""
        if protocol_name == "json":
            return _Json(timestamp_parser=_moment)
        return super().create_parser(protocol_name)


class _Json(JSONParser):  # type: ignore[misc]
    """botocore looks up for each member of a list how to read it, and then leaves a number as it is."""

    def _handle_list(self, shape: Any, node: Any) -> Any:
        kind = shape.member.type_name
        if kind == "double":
            return node
        if kind == "timestamp":
            return [None if value is None else _moment(value) for value in node]
        return super()._handle_list(shape, node)


@lru_cache(maxsize=4096)
def _moment(value: Any) -> datetime:
    """Return a time as botocore does, but in UTC.

    botocore works out this machine's zone for each: an answer of 500 series then takes ten times as long.
    All its series have the same minutes, so each is made once.
    """
    return datetime.fromtimestamp(value, UTC) if isinstance(value, (int, float)) else parse_timestamp(value)
