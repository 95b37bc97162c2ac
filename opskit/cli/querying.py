"""What `opskit query` does with what was typed: it looks, shows the rows, and says what they are worth."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from opskit.cli import out
from opskit.cli.options import SharedOptions
from opskit.errors import UsageError
from opskit.exits import Exit
from opskit.insights import library
from opskit.insights.answer import Answer, Asked, Estimate
from opskit.insights.library import Template
from opskit.model import Cost, Window
from opskit.render import answer as told
from opskit.render.canvas import Output
from opskit.render.figures import counted, data_size, usd
from opskit.render.json import encoded
from opskit.render.rows import rows
from opskit.render.safe import clean


def values(pairs: Iterable[str]) -> dict[str, str]:
    """Return the parameters in `NAME=VALUE` words; UsageError for one that is none, or stands twice."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f'a parameter is NAME=VALUE, not "{clean(pair[:60])}"')
        if name in found:
            raise UsageError(f"the parameter {name} is given twice")
        found[name] = value
    return found


def refuse_beside(**given: object) -> None:
    """Refuse the options that ask AWS beside --local."""
    said = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if said:
        raise UsageError(f"{', '.join(said)}: not with --local, which asks no AWS")


def catalogue(shared: SharedOptions, name: str | None) -> int:
    """List the queries, or show one of them."""
    output = out.form(shared.output_form())
    shown = [library.load(one) for one in ([name] if name else library.names())]
    if output is Output.JSON:
        documents = [_document(one) for one in shown]
        out.result(encoded(documents[0] if name else documents))
    elif name:
        out.result(_page(shown[0]))
    else:
        listed = [
            {"query": one.name, "title": one.title, "parameters": _usage(one), "logs": list(one.formats)}
            for one in shown
        ]
        out.result(rows(listed, output, out.canvas(shared)))
    return Exit.CLEAN


def _usage(one: Template) -> list[str]:
    """Return the parameters' names, those that must be given as one types them; `--show` has the defaults."""
    return [name if p.default is not None else f"{name}=..." for name, p in one.parameters.items()]


def _document(one: Template) -> dict[str, Any]:
    parameters = [
        {"name": name, "type": p.kind, "pattern": p.pattern.pattern, "default": p.default}
        for name, p in one.parameters.items()
    ]
    return {
        "name": one.name,
        "title": one.title,
        "formats": list(one.formats),
        "columns": list(one.columns),
        "parameters": parameters,
        "cost": one.cost,
        "remarks": list(one.remarks),
        "text": one.text,
    }


def _page(one: Template) -> str:
    """Return a query for people: its header in words, then its text as the console takes it."""
    lines = [f"{one.name}: {one.title}", *(f"  {line}" for line in one.remarks), ""]
    for name, p in one.parameters.items():
        given = "must be given" if p.default is None else f"default {p.default}"
        lines.append(f"parameter {name} ({p.kind}), {given}; values match {p.pattern.pattern}")
    lines += [f"columns   {', '.join(one.columns)}", f"logs      {', '.join(one.formats)}"]
    return "\n".join([*lines, f"cost      reads {one.cost}", "", one.text])


def ask_files(shared: SharedOptions, asked: Asked) -> int:
    """Ask files instead of AWS: no credentials, no charge."""
    try:
        from opskit.insights import local
    except ModuleNotFoundError as error:
        if error.name != "duckdb":
            raise
        raise UsageError("--local needs DuckDB", "pip install 'opskit[sandbox]'") from None
    from opskit.insights import exports
    from opskit.mask import mask_row

    gaps: list[str] = []
    with out.working(f"reading {counted(len(asked.groups), 'file', 'files')}"):
        events = exports.read(asked.groups, gaps.append)
        outcome = local.run(asked.text, events, int(time.time()), asked.limit + 1, asked.window)
    if outcome.untimed:
        untimed = counted(outcome.untimed, "event has no time of its", "events have no time of their")
        out.note(f"{untimed} own: each stands with the one before it")
    read = bool(outcome.statistics["recordsScanned"])
    nothing = () if read else ("nothing was read: no event in these files, or none in the window",)
    answer = Answer(
        rows=tuple(mask_row(row.items()) for row in outcome.rows[: asked.limit]),
        statistics=outcome.statistics,
        gaps=(*gaps, *nothing),
        limited=len(outcome.rows) > asked.limit,
        read=read,
    )
    return _shown(shared, asked, "", answer, Cost())


class Look:
    """One look at the log groups of some workers; `close` ends it."""

    def __init__(self, shared: SharedOptions, asked: Asked, fns: Sequence[str], deadline_s: int) -> None:
        from opskit.aws.session import Aws
        from opskit.gather import Gatherer
        from opskit.inventory.log_groups import log_groups, lookups
        from opskit.querying import Client

        self._shared = shared
        settings = shared.settings()
        found = lookups(settings, fns)
        settings = found[0].settings if found else settings
        self._region = settings.region
        self._client = Client(Aws(settings.region, settings.profile), deadline_s)
        gatherer = Gatherer(self._client.aws, asked.window or Window(0, 0), deadline_s)
        with out.working("finding the log groups"):
            groups = log_groups(found, asked.groups, settings, gatherer)
        for line in groups.notes:
            out.note(line)
        self._asked = replace(asked, groups=groups.names)
        self._account = groups.account
        self._before = gatherer.cost

    @property
    def _cost(self) -> Cost:
        return self._before + self._client.meter.cost

    def close(self) -> None:
        """Close the connections."""
        self._client.aws.close()

    def ask(self, max_usd: float | None) -> int:
        """Run the query, unless it would cost more than `max_usd`; show its rows."""
        if max_usd is not None:
            estimate = self._estimate()
            if estimate.size is None:
                return _gaps(estimate.gaps)
            if estimate.usd > max_usd:
                raise UsageError(
                    f"query {self._asked.name} was not run: it would scan {told.sized(estimate)}, above "
                    f"--max-cost {max_usd:g}",
                    "shorten --since, or name fewer workers",
                )
        with out.working(f"asking {self._where()}"):
            answer = self._client.run(self._asked)
        if answer.parts > 1:
            out.note(
                f"{answer.parts} queries (50 log groups of one class each): sums, order and limit are each's"
            )
        return _shown(self._shared, self._asked, self._region, answer, self._cost, account=self._account)

    def price(self) -> int:
        """Say what the query would scan and cost."""
        estimate = self._estimate()
        output = out.form(self._shared.settings().output)
        if output is Output.JSON:
            where = self._account, self._region
            out.result(encoded(told.estimate_document(self._asked, *where, estimate, self._cost)))
        if output is not Output.JSON and estimate.size is not None:
            most = "at most " if estimate.bound else ""
            record = {
                "query": self._asked.name,
                "log groups": len(self._asked.groups),
                "would scan": f"{most}{data_size(estimate.size)}",
                "USD": f"{most}{usd(estimate.usd)}",
            }
            out.result(rows([record], output, out.canvas(self._shared)))
        return _gaps(estimate.gaps)

    def _estimate(self) -> Estimate:
        with out.working(f"estimating {self._where()}"):
            estimate = self._client.estimate(self._asked)
        if estimate.bound:
            out.note("the endpoint knows no estimate: the bound is all that the log groups store, of any age")
        return estimate

    def _where(self) -> str:
        return counted(len(self._asked.groups), "log group", "log groups")


def _shown(
    shared: SharedOptions, asked: Asked, region: str, answer: Answer, cost: Cost, *, account: str = ""
) -> int:
    """Write the rows to stdout, and what they are worth to stderr; return the exit code."""
    output, canvas = out.form(_form(shared, region)), out.canvas(shared)
    if output is Output.JSON:
        out.result(encoded(told.document(asked, account, region, answer, cost)))
    elif output is Output.TABLE and answer.rows:
        out.result(told.screen(asked.columns, answer.rows, canvas))
    elif answer.rows or output is Output.CSV:
        out.result(rows(told.records(asked.columns, answer.rows), output, canvas, asked.columns))
    code = _gaps(answer.gaps)
    if answer.read:
        out.note(told.summary(answer))
    if region:
        where = f"account {account}, {region}" if account else region
        window = f"{told.looked_at(asked.window, canvas)}; " if asked.window else ""
        out.note(f"{where}, {window}{told.price(cost)}")
    return code


def _gaps(gaps: Sequence[str]) -> Exit:
    """Say what could not be read, and return what that makes of the exit code."""
    for gap in gaps:
        out.note(clean(gap))
    return Exit.UNDETERMINED if gaps else Exit.CLEAN


def _form(shared: SharedOptions, region: str) -> str | None:
    """Return the form asked for; files are asked whatever else is wrong with the configuration."""
    return shared.settings().output if region else shared.output_form()
