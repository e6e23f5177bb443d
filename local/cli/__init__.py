"""The `footnote` command."""

from __future__ import annotations

import typer

from local.cli import (
    billing,
    budget,
    conversation,
    cost,
    costs,
    doctor,
    documents,
    environment,
    evaluation,
    explanation,
    invocation,
    lifecycle,
    logs,
    mail,
    prices,
    queue,
    status,
)


def build_app() -> typer.Typer:
    """The command with all its subcommands."""
    app = typer.Typer(
        name="footnote",
        help="Documents in, cited answers out: the local stack and its client.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    app.command()(lifecycle.up)
    app.command()(lifecycle.down)
    app.command()(status.status)
    app.command()(doctor.doctor)
    app.command()(documents.ingest)
    app.command()(conversation.ask)
    app.command()(explanation.explain)
    app.command()(explanation.whynot)
    app.command()(logs.logs)
    app.command()(mail.mail)
    app.command()(evaluation.evaluate)
    app.command()(environment.env)
    app.command()(invocation.invoke)
    app.add_typer(queue.app, name="queue")
    app.add_typer(cost.app, name="cost")
    app.add_typer(billing.plans_app, name="plans")
    app.add_typer(billing.invoices_app, name="invoices")
    app.add_typer(costs.app, name="costs")
    app.add_typer(prices.app, name="prices")
    app.add_typer(budget.app, name="budget")
    return app


def main() -> None:
    """Entry point of the `footnote` program."""
    build_app()()
