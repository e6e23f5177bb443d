"""Billing on a real database whose clock travels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

_CLOCK = "CREATE OR REPLACE FUNCTION quota.clock() RETURNS timestamptz LANGUAGE sql STABLE AS {}"


class Times:
    """Sets the time of windows, ledgers and subscriptions.

    Args:
        dsn: A superuser's.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def travel(self, at: datetime) -> None:
        """It is that time from now on, until the next journey."""
        self._set(f"SELECT timestamptz '{at.isoformat()}'")

    def back(self) -> None:
        """The true time again."""
        self._set("SELECT now()")

    def _set(self, body: str) -> None:
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(_CLOCK.format(f"$${body}$$").encode())


@contextmanager
def travelling(dsn: str) -> Iterator[Times]:
    """A clock that can be set, true again at the end."""
    times = Times(dsn)
    try:
        yield times
    finally:
        times.back()


def rows(dsn: str, statement: str, **values: Any) -> list[dict[str, Any]]:
    """Rows as a superuser sees them."""
    with psycopg.connect(dsn, autocommit=True, row_factory=dict_row) as connection:
        return connection.execute(statement.encode(), values).fetchall()
