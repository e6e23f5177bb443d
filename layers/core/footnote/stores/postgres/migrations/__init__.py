"""The schema's history. `run_sql` is all that a revision needs."""

from __future__ import annotations

from pathlib import Path

SQL = Path(__file__).resolve().parent / "sql"


def run_sql(name: str) -> None:
    """Runs one file of `sql/` in the migration's transaction, as it stands: no parameters, no escapes."""
    from alembic import op

    statements = (SQL / name).read_bytes()
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(statements)
