"""`opskit signals`: what a run would ask and what that costs, without AWS or credentials."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opskit.cli.diagnose import SINCE, complete_runbook
from opskit.cli.options import SharedOptions, remember_rows
from opskit.cli.times import since_seconds

if TYPE_CHECKING:
    from opskit.foresight import Foreseen
    from opskit.model import Param, Signal, Window

Record = dict[str, Any]
WIDE = 160
"""Columns from which on all is shown side by side; with fewer, what is asked would stand a word a line."""


@remember_rows
def signals(
    shared: SharedOptions,
    runbook: Annotated[
        str, typer.Argument(help="See: opskit runbooks.", metavar="RUNBOOK", autocompletion=complete_runbook)
    ],
    *,
    fn: Annotated[
        str | None, typer.Option("--fn", metavar="NAME", help="Worker, function name or ARN; else any.")
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back: 90m, 3h, 1h30m, 2d.")] = SINCE,
) -> None:
    """List what a run would ask AWS, and the price, before any call."""
    from opskit import inventory
    from opskit.cli import out
    from opskit.cli.books import find_runbook
    from opskit.foresight import anyone, foresee
    from opskit.model import Window
    from opskit.render.canvas import Output
    from opskit.render.json import encoded
    from opskit.render.rows import rows
    from runbooks import ALL

    settings = shared.settings()
    window = Window(0, since_seconds(since))
    book = find_runbook(runbook, ALL)
    lookup = anyone(settings) if fn is None else inventory.load(settings).find(fn)
    for line in lookup.notes:
        out.note(line)
    foreseen = foresee(book, lookup, window)
    output = out.form(settings.output)
    if output is Output.JSON:
        targets = [_document(one, window) for one in foreseen]
        out.result(encoded({"runbook": book.NAME, "since_s": window.seconds, "targets": targets}))
    else:
        lines = [line for one in foreseen for line in _lines(one, window)]
        canvas = out.canvas(shared)
        if output is Output.TABLE and canvas.width < WIDE:
            lines = [_short(line) for line in lines]
        out.result(rows(lines, output, canvas))


def _document(one: "Foreseen", window: "Window") -> Record:
    return {
        "function": one.target.function,
        "trigger": one.target.trigger,
        "signals": list(_records(one, window)),
        "round2_when": one.more,
        "totals": [{"rounds": rounds, **_total(asked, window)} for rounds, asked in _rounds(one).items()],
    }


def _lines(one: "Foreseen", window: "Window") -> Iterable[Record]:
    """Return the records as a table has them: no numbers that say nothing, and the sums below."""
    for record in _records(one, window):
        yield _line(one, record)
    when = {"round": "2", "signal": "...", "kind": "", "asks": one.more, "silence": ""}
    yield _line(one, when)
    for rounds, asked in _rounds(one).items():
        yield _line(one, {"round": rounds, "signal": "total", **_total(asked, window)})


def _line(one: "Foreseen", record: Mapping[str, Any]) -> Record:
    usd = record.get("usd")
    price = record.get("usd_per_gb")
    return {
        "trigger": one.target.trigger,
        **{name: record.get(name, "") for name in ("round", "signal", "kind", "asks", "silence")},
        "calls": record.get("calls") or "",
        "metrics": record.get("metrics") or "",
        "USD": " + ".join(filter(None, (f"{usd:.5f}" if usd else "", f"{price:g} per GB" if price else ""))),
    }


def _short(line: Record) -> Record:
    """Return a line for a narrow terminal: what is asked and its price; the other forms have the rest."""
    sums = ", ".join(f"{line[name]} {name}" for name in ("calls", "metrics") if line[name])
    asks = line["asks"] or sums
    return {
        **{name: line[name] for name in ("trigger", "round")},
        "asks": f"{line['signal']}: {asks}",
        "USD": line["USD"],
    }


def _rounds(one: "Foreseen") -> "dict[str, list[Signal]]":
    first = [*one.round0.values(), *one.round1.values()]
    return {"0-1": first, "0-2": [*first, *one.round2.values()]}


def _records(one: "Foreseen", window: "Window") -> Iterable[Record]:
    rounds = {"0": one.round0, "1": one.round1, "2": one.round2}
    for number, asked in rounds.items():
        for name, signal in asked.items():
            yield {"round": number, "signal": name, **_told(signal, window)}


def _told(signal: "Signal", window: "Window") -> Record:
    """Return what a signal asks. Metrics share calls, so theirs are counted in the total alone."""
    from opskit.model import LogQuery, Metric, Probe

    cost = _cost([signal], window)
    if isinstance(signal, Metric):
        own = _cost([_alone(signal)], window)
        return {"kind": "metric", "asks": _series(signal), "silence": _silence(signal), **own, "calls": None}
    if isinstance(signal, LogQuery):
        asks = f"{_query_name(signal)} in {', '.join(signal.groups)}"
        return {"kind": "log query", "asks": asks, "silence": "no match", **cost, **_scanning([signal])}
    if isinstance(signal, Probe):
        return {
            "kind": "probe",
            "asks": f"{signal.method} {signal.url}".lstrip(),
            "silence": "an answer",
            **cost,
        }
    params = " ".join(f"{name}={_given(name, value)}" for name, value in signal.params)
    asks = f"{signal.service} {signal.operation} {params}".rstrip()
    return {"kind": "describe", "asks": asks, "silence": "none there", **cost}


def _given(name: str, value: "Param") -> str:
    """Return a parameter as the AWS CLI writes it; times are those of the run, which is still to come."""
    if name in ("StartTime", "StartDate", "EndTime"):
        return "<end>" if name == "EndTime" else "<start>"
    return _shorthand(value)


def _shorthand(value: "Param") -> str:
    """Return pairs as name=value, and what stands in a list with commas."""
    match value:
        case (str(name), inner) if not isinstance(inner, tuple):
            return f"{name}={inner}"
        case tuple():
            return ",".join(map(_shorthand, value))
    return str(value)


def _cost(asked: "Iterable[Signal]", window: "Window") -> Record:
    from opskit.foresight import cost

    spent = cost(asked, window)
    return {"calls": spent.api_calls, "metrics": spent.metrics, "usd": round(spent.usd, 8)}


def _total(asked: "Sequence[Signal]", window: "Window") -> Record:
    return {**_cost(asked, window), **_scanning(asked)}


def _scanning(asked: "Iterable[Signal]") -> Record:
    """Return the price of what log queries scan, if there is one: how much that is nobody knows before."""
    from opskit.aws.price import SCANNED_BYTE_USD
    from opskit.model import LogQuery

    if not any(isinstance(signal, LogQuery) for signal in asked):
        return {}
    return {"usd_per_gb": round(SCANNED_BYTE_USD * 1e9, 6)}


def _alone(metric: "Any") -> "Signal":
    from dataclasses import replace

    alone: Signal = replace(metric, absent=None, beside=None)
    return alone


def _series(metric: "Any") -> str:
    dimensions = " ".join(f"{name}={value}" for name, value in metric.dimensions)
    return f"{metric.namespace} {metric.name} {metric.stat} {metric.period_s} s {dimensions}".rstrip()


def _silence(metric: "Any") -> str:
    if metric.absent is None or metric.beside is None:
        return "unknown"
    return f"{metric.absent:g} beside {metric.beside.name}"


def _query_name(query: "Any") -> str:
    """Return the name of a query's file in the library; "a query" for one that is made elsewhere."""
    from opskit.insights import library

    return next((name for name in library.names() if library.load(name).text == query.query), "a query")
