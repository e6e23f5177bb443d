"""`footnote prices`: what models cost the platform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rich.markup import escape

from footnote.quota import Meter
from local.bootstrap import OWNER
from local.cli.operators import DatabaseOption, connected
from local.cli.output import console
from local.cli.session import DataDirectory, stop_with

app = typer.Typer(help="What models cost the platform: versions that never change.", no_args_is_help=True)

_PRICED = frozenset(
    {Meter.INPUT_TOKENS, Meter.CACHED_TOKENS, Meter.OUTPUT_TOKENS, Meter.EMBEDDING_TOKENS, Meter.RERANK_CALLS}
    | {Meter.COMPUTE_MS}
)


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    meter: str
    model: str = Field(max_length=200)
    micro_usd_per_million: int = Field(ge=0, le=10**15)
    source: str = Field(min_length=1, max_length=1_000)


class PriceFile(BaseModel):
    """A version to publish. `model` is a name, `*` for any other, or empty for what names none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    note: str = Field(min_length=1, max_length=1_000)
    prices: list[_Price] = Field(min_length=1)


def read_prices(text: str) -> PriceFile:
    """The prices of a JSON file.

    Raises:
        ValueError: It is none, names what is not priced, or names something twice; the message says which.
    """
    found = PriceFile.model_validate_json(text)
    unknown = sorted({price.meter for price in found.prices} - {meter.value for meter in _PRICED})
    if unknown:
        raise ValueError(f"there is no price of {', '.join(unknown)}: only of {', '.join(sorted(_PRICED))}")
    missing = sorted(_PRICED - {price.meter for price in found.prices if price.model == "*"})
    if missing:
        raise ValueError(f"no price for any other model ('*') of {', '.join(missing)}")
    names = [(price.meter, price.model) for price in found.prices]
    twice = sorted({f"{meter} of '{model}'" for meter, model in names if names.count((meter, model)) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}")
    return found


def publish_prices(connection: psycopg.Connection[dict[str, Any]], prices: PriceFile) -> int:
    """Adds the next version, all of it or nothing; its number."""
    connection.execute("LOCK TABLE billing.price_versions IN SHARE ROW EXCLUSIVE MODE")
    row = connection.execute(
        "INSERT INTO billing.price_versions (version, note)"
        " SELECT 1 + coalesce(max(version), 0), %s FROM billing.price_versions RETURNING version",
        (prices.note,),
    ).fetchone()
    assert row is not None
    version: int = row["version"]
    for price in prices.prices:
        connection.execute(
            "INSERT INTO billing.prices (version, meter, model, price, source) VALUES (%s, %s, %s, %s, %s)",
            (version, price.meter, price.model, price.micro_usd_per_million, price.source),
        )
    return version


@app.command("list")
def list_prices(
    version: Annotated[int | None, typer.Option(help="Another version than the newest.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as `publish` reads it.")] = False,
    data_dir: DataDirectory = None,
    dsn: DatabaseOption = None,
) -> None:
    """Show the prices that hold now."""
    with connected(data_dir, OWNER, dsn) as connection:
        known = connection.execute(
            "SELECT version, note, published_at FROM billing.price_versions"
            " WHERE version = coalesce(%s, (SELECT max(version) FROM billing.price_versions))",
            (version,),
        ).fetchone()
        if known is None:
            stop_with(f"there is no version {version} of the prices")
        rows = connection.execute(
            "SELECT meter, model, price AS micro_usd_per_million, source FROM billing.prices"
            " WHERE version = %s ORDER BY meter, model",
            (known["version"],),
        ).fetchall()
    if as_json:
        typer.echo(json.dumps({"note": known["note"], "prices": rows}, indent=2))
        return
    console.print(f"version {known['version']}, {known['published_at']:%Y-%m-%d}: {escape(known['note'])}")
    for row in rows:
        price = f"{row['micro_usd_per_million'] / 1_000_000:,.6f}"
        console.print(
            f"{row['meter']:18}{escape(row['model']):16}USD {price:>14} a million  {escape(row['source'])}"
        )


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="JSON, as `footnote prices list --json` prints it.")],
    data_dir: DataDirectory = None,
    dsn: DatabaseOption = None,
) -> None:
    """Add a version, which holds for all requests that begin within a minute from now."""
    try:
        prices = read_prices(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError, ValueError) as error:
        stop_with(f"{file}: {error}", "`footnote prices list --json` prints a file to begin with.")
    with connected(data_dir, OWNER, dsn) as connection:
        version = publish_prices(connection, prices)
    console.print(f"published version {version}: {len(prices.prices)} prices")
