"""`footnote plans` and `footnote invoices`: what operators do about billing.

They work on the local stack, or on the database that `FOOTNOTE_OWNER_DSN` names: for AWS run them where the
database can be reached, with the connection string of the role `footnote_owner`.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError
from rich.markup import escape

from footnote.billing import GivenBack, Plan, PlanDocument
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError
from footnote.platform.settings import PostgresSettings, load_settings
from footnote.stores.postgres.billing import PostgresPlanStore
from footnote.stores.postgres.billing_duplicates import PostgresDuplicateStore
from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
from footnote.stores.postgres.billing_profiles import PostgresProfileStore
from footnote.stores.postgres.database import Database
from footnote.stores.secrets.extension import StaticSecrets
from local import secrets
from local.bootstrap import OWNER
from local.cli.output import console
from local.cli.session import DataDirectory, data_paths, running_stack, stop_with
from local.stack import DATABASE

DSN_VARIABLE = "FOOTNOTE_OWNER_DSN"
Result = TypeVar("Result")

plans_app = typer.Typer(help="Plans: list, publish, assign.", no_args_is_help=True)
invoices_app = typer.Typer(help="Invoices: note payments, set tax, verify.", no_args_is_help=True)
Organization = Annotated[UUID, typer.Argument(help="The organization's id.")]
PlanFile = Annotated[Path, typer.Argument(help="The plan as JSON.", exists=True, dir_okay=False)]


@plans_app.command("list")
def list_plans(data_dir: DataDirectory = None) -> None:
    """List the newest public versions."""
    for plan in _as_owner(data_dir, lambda database: PostgresPlanStore(database).public()):
        console.print(_plan_line(plan))


@plans_app.command()
def publish(file: PlanFile, data_dir: DataDirectory = None) -> None:
    """Publish a version of a plan; existing subscriptions keep theirs."""
    document = _read(file)
    version = _as_owner(data_dir, lambda database: PostgresPlanStore(database).publish(document))
    console.print(f"{document.plan}, version {version}, is published")


@plans_app.command()
def assign(organization: Organization, file: PlanFile, data_dir: DataDirectory = None) -> None:
    """Offer an organization a plan of its own, as `custom`; its owner subscribes to it."""
    document = _read(file)
    version = _as_owner(data_dir, lambda database: PostgresPlanStore(database).assign(organization, document))
    console.print(f"version {version} of its own plan is offered to {organization}")


@invoices_app.command()
def pay(
    organization: Organization,
    number: Annotated[str, typer.Argument(help="The invoice's number.")],
    reference: Annotated[str, typer.Option(help="Of the payment.")] = "",
    data_dir: DataDirectory = None,
) -> None:
    """Note that an invoice was paid."""
    invoice = _as_owner(data_dir, lambda database: _invoices(database).pay(organization, number, reference))
    assert invoice.paid_at is not None
    console.print(f"{number} was paid {invoice.paid_at.isoformat(' ', 'seconds')}")


@invoices_app.command()
def tax(
    organization: Organization,
    basis_points: Annotated[int, typer.Argument(min=0, max=10_000, help="Hundredths of a percent.")],
    data_dir: DataDirectory = None,
) -> None:
    """Set the tax of an organization's invoices to come."""
    _as_owner(data_dir, lambda database: PostgresProfileStore(database).set_tax(organization, basis_points))
    console.print(f"{basis_points / 100:.2f} % from the next invoice on")


@invoices_app.command()
def verify(
    organization: Organization,
    invoice_id: Annotated[UUID, typer.Argument(help="The invoice's id.")],
    data_dir: DataDirectory = None,
) -> None:
    """Read the rows that an invoice covers anew, and compare their digest; exit status 1 if it differs."""

    async def compare(database: Database) -> tuple[str, str, int]:
        context, store = OrganizationContext(organization), _invoices(database)
        document = (await store.find(context, invoice_id)).document
        tally = await store.recount(context, invoice_id)
        return document.ledger_digest, tally.digest.hex(), tally.rows

    said, found, rows = _as_owner(data_dir, compare)
    if said != found:
        stop_with(f"the ledger differs from the invoice: {rows} rows, digest {found}, on the invoice {said}")
    console.print(f"{rows} rows, digest {found}: as on the invoice")


@invoices_app.command()
def duplicates(organization: Organization, data_dir: DataDirectory = None) -> None:
    """List the subscriptions that were paid for twice, and what was given back of them."""
    found = _as_owner(data_dir, lambda database: _duplicates(database).of(OrganizationContext(organization)))
    for one in found:
        settled = one.settled_at.isoformat(" ", "seconds") if one.settled_at else "not yet"
        console.print(
            f"{one.provider} {one.subscription_ref}, beside {one.rival_ref}, found"
            f" {one.found_at.isoformat(' ', 'seconds')}, given back: {settled},"
            f" {one.refunded_cents / 100:.2f} {' '.join(one.refund_refs)}"
        )
    if not found:
        console.print("none was paid for twice")


@invoices_app.command()
def settle(
    organization: Organization,
    subscription: Annotated[str, typer.Argument(help="The payment provider's id of the second one.")],
    cents: Annotated[int, typer.Argument(min=0, help="What was given back.")],
    reference: Annotated[str, typer.Argument(help="Of the payment.")],
    data_dir: DataDirectory = None,
) -> None:
    """Note that what was paid twice was given back by hand; cancel the second subscription before."""

    async def note(database: Database) -> bool:
        store = _duplicates(database)
        found = await store.of(OrganizationContext(organization))
        named = [one for one in found if one.subscription_ref == subscription]
        return bool(named) and await store.settle(named[0], GivenBack(cents, (reference,)))

    if not _as_owner(data_dir, note):
        stop_with(f"{subscription} is no second subscription of the organization that waits for it")
    console.print(f"{subscription}: {cents / 100:.2f} were given back")


def _duplicates(database: Database) -> PostgresDuplicateStore:
    return PostgresDuplicateStore(database, load_settings().quota.default_plan)


def _invoices(database: Database) -> PostgresInvoiceStore:
    settings = load_settings()
    return PostgresInvoiceStore(database, settings.billing, settings.quota.default_plan)


def _read(file: Path) -> PlanDocument:
    try:
        return PlanDocument.model_validate_json(file.read_bytes())
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, one['loc'])) or 'plan'}: {one['msg']}" for one in error.errors()]
        stop_with(f"{file} is no plan. {'; '.join(problems)}")


def _plan_line(plan: Plan) -> str:
    limits = ", ".join(
        f"{meter} {'unlimited' if limit is None else f'{limit:,}'}" for meter, limit in plan.limits.items()
    )
    price = f"{plan.price_cents // 100}.{plan.price_cents % 100:02} {plan.currency}"
    return escape(f"{plan.plan:12} version {plan.version:<3} {price:>12}  {limits}")


def _as_owner(data_dir: Path | None, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Runs work on the database as its owner; what goes wrong ends the command in words."""

    async def run() -> Result:
        settings, passwords = _connection(data_dir)
        database = Database(settings, StaticSecrets(passwords))
        try:
            return await work(database)
        finally:
            await database.close()

    try:
        return asyncio.run(run())
    except FootnoteError as error:
        stop_with(error.message)


def _connection(data_dir: Path | None) -> tuple[PostgresSettings, dict[str, str]]:
    written = os.environ.get(DSN_VARIABLE)
    if written:
        try:
            parts = conninfo_to_dict(written)
        except ProgrammingError:
            stop_with(f"{DSN_VARIABLE} is no connection string.")
        settings = PostgresSettings(
            host=str(parts.get("host", "127.0.0.1")),
            port=int(parts.get("port") or 5432),
            database=str(parts.get("dbname", "footnote")),
            user=str(parts.get("user", OWNER)),
            sslmode=str(parts.get("sslmode", "prefer")),
            password_secret=OWNER if parts.get("password") else "",
        )
        return settings, {OWNER: str(parts.get("password", ""))}
    data = data_paths(data_dir)
    running_stack(data)
    stack = secrets.load_or_create(data.secrets)
    port = int(json.loads(data.ports.read_text())["postgres"])
    settings = PostgresSettings(port=port, database=DATABASE, user=OWNER, password_secret=OWNER)
    return settings, {OWNER: stack.roles[OWNER]}
