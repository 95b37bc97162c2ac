"""The typer application: which commands there are and how the help groups them."""

from typing import Annotated, Any

import typer

from opskit.cli import (
    cases,
    demo,
    diagnose,
    dlq,
    find_resources,
    health,
    iam,
    invoke,
    logs,
    query,
    redrive_dlq,
    runbooks,
    sandbox,
    signals,
)
from opskit.cli.options import SharedOptions, remember

ON_CALL = "On call"
PRACTICE = "Practice, with no AWS account"
KNOW = "Know what it does"
HELP = ["--help", "-h"]


def command(*, completing: bool = False) -> Any:
    """Return the command line as one command that `main` runs; `completing`: it only answers a tab."""
    app = typer.Typer(
        name="opskit",
        help="Name the root cause of an incident in AWS Lambda, Kinesis, SQS, API Gateway or DynamoDB.",
        epilog="Exit: 0 clean, 1 findings, 2 usage, 3 something could not be looked at, 4 opskit failed.",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": HELP},
    )
    app.callback()(remember(_root))
    app.command("health", rich_help_panel=ON_CALL)(health.health)
    app.command("diagnose", rich_help_panel=ON_CALL)(diagnose.diagnose)
    app.command("find-resources", rich_help_panel=ON_CALL)(find_resources.find_resources)
    app.add_typer(dlq.app(), name="dlq", rich_help_panel=ON_CALL)
    app.command("logs", rich_help_panel=ON_CALL)(logs.logs)
    app.command("query", rich_help_panel=ON_CALL)(query.query)
    app.command("redrive-dlq", rich_help_panel=ON_CALL)(redrive_dlq.redrive_dlq)
    app.command("invoke", rich_help_panel=ON_CALL)(invoke.invoke)
    app.command("demo", rich_help_panel=PRACTICE)(demo.demo)
    app.add_typer(sandbox.app(), name="sandbox", rich_help_panel=PRACTICE)
    app.command("runbooks", rich_help_panel=KNOW)(runbooks.runbooks)
    app.command("signals", rich_help_panel=KNOW)(signals.signals)
    app.command("iam-policy", rich_help_panel=KNOW)(iam.iam_policy)
    app.add_typer(cases.app(), name="cases", rich_help_panel=KNOW)
    built = typer.main.get_command(app)
    _keep_as_typed(built, leaves=completing)
    return built


def _keep_as_typed(built: Any, *, leaves: bool) -> None:
    """Take the values of groups' options, and of commands' if `leaves`, as they were typed.

    typer converts values with pydantic, whose import alone takes longer than help or a tab may. A group's
    options are texts, which the settings check; and to complete a word no value is needed.
    """
    commands = getattr(built, "commands", {})
    if commands or leaves:
        for parameter in built.get_params(typer.Context(built, help_option_names=HELP)):
            parameter.process_value = _as_typed(parameter)
    for inner in commands.values():
        _keep_as_typed(inner, leaves=leaves)


def _as_typed(parameter: Any) -> Any:
    def process_value(ctx: typer.Context, value: Any) -> Any:
        return parameter.callback(ctx, parameter, value) if parameter.callback else value

    return process_value


def _show_version(value: bool) -> None:
    if value:
        from opskit import __version__
        from opskit.cli.out import result

        result(f"opskit {__version__}")
        raise typer.Exit


def _root(
    shared: SharedOptions,  # kept for the command by `remember`
    *,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    """Take the options that every command has, before the command too."""
