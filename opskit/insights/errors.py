"""What is wrong with a query, and where."""

from opskit.errors import UsageError

Span = tuple[int, int]
"""Character offsets in the query text: first character, one past the last."""


class MalformedQueryError(UsageError):
    """A query that Logs Insights would refuse; `start` and `end` are character offsets in its text."""

    def __init__(self, message: str, span: Span) -> None:
        super().__init__(message)
        self.start, self.end = span

    def __str__(self) -> str:
        return f"{self.message} at characters {self.start}-{self.end}"
