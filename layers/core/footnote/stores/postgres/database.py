"""The one way to a database cursor: a transaction bound to an organization.

One connection per process: a Lambda environment serves one request at a time, and behind RDS Proxy every
further connection would only wait. Where a process does serve several at once (the chat stream), an
`asyncio.Lock` makes them take turns.

Nothing here is a session setting: behind a proxy the next transaction may run on another server connection,
so organization, member and time limits are `SET LOCAL`, and no statement is prepared on the server.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import PostgresSettings
from footnote.stores.postgres.credentials import SecretReader, iam_token, read_credentials

logger = get_logger("postgres")

# How much longer than the server's own limit we wait for an answer, in seconds. A server that hangs cannot
# enforce its limit; this one is ours.
_GRACE_S = 1.0
_SESSION_LIMIT_S = 24 * 3600.0

_BROKEN = (psycopg.OperationalError, psycopg.InterfaceError)


class Cursor(psycopg.AsyncCursor[DictRow]):
    """A cursor whose every statement ends in time, even if the server hangs. Rows are dictionaries."""

    limit_s: float = 60.0

    async def execute(self, *args: Any, **kwargs: Any) -> Cursor:
        """Runs one statement; see `psycopg.AsyncCursor.execute`."""
        watchdog = asyncio.get_running_loop().call_later(self.limit_s, _break, self.connection)
        try:
            await super().execute(*args, **kwargs)
        finally:
            watchdog.cancel()
        return self


def _break(connection: psycopg.AsyncConnection[DictRow]) -> None:
    """Shuts the socket, so that whoever waits on it gets an error at once."""
    with suppress(psycopg.Error, OSError):
        handle = socket.socket(fileno=os.dup(connection.fileno()))
        handle.shutdown(socket.SHUT_RDWR)
        handle.close()


@dataclass(frozen=True, slots=True)
class _Limits:
    """How long one statement may run and wait for one lock, in milliseconds."""

    statement_ms: int
    lock_ms: int


class Database:
    """Transactions on the system of record.

    Args:
        settings: Where it is and how long to wait.
        secrets: Source of the password.
    """

    def __init__(self, settings: PostgresSettings, secrets: SecretReader) -> None:
        self._settings = settings
        self._secrets = secrets
        self._connection: psycopg.AsyncConnection[DictRow] | None = None
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def tenant_tx(
        self,
        context: OrganizationContext,
        *,
        snapshot: bool = False,
        background: bool = False,
    ) -> AsyncIterator[Cursor]:
        """A transaction that row-level security confines to the context's organization.

        Commits at the end of the block, rolls back on any exception.

        Args:
            context: The organization, and the member where one acts.
            snapshot: REPEATABLE READ READ ONLY: every statement sees the same state.
            background: The longer limits for work that no member waits for, such as ingestion.

        Raises:
            ServiceUnavailable: The database cannot be reached, or a limit was exceeded. Nothing was changed,
                unless the connection broke during the commit itself.
        """
        limits = self._limits(background)
        begin = _begin_statement(context.organization_id, context.user_id, snapshot, limits)
        async with self._transaction(begin, limits) as cursor:
            yield cursor

    async def tenant_call(
        self, context: OrganizationContext, statement: str, values: Mapping[str, Any]
    ) -> DictRow | None:
        """One statement in a `tenant_tx` of its own, in one round trip: its locks never wait for the client.

        Args:
            context: See `tenant_tx`.
            statement: Must bear being run twice: if a connection that was idle breaks, it is sent again.
            values: Of its parameters.

        Returns:
            The first row.

        Raises:
            ServiceUnavailable: See `tenant_tx`. It is not known whether the statement took effect.
        """
        limits = self._limits(background=False)
        begin = _begin_statement(context.organization_id, context.user_id, False, limits)
        async with self._turn:
            try:
                return await self._call(begin, statement, values, limits.statement_ms / 1000 + _GRACE_S)
            except _BROKEN as error:
                await self._discard_if_broken()
                raise _unavailable(error) from error

    async def _call(
        self, begin: str, statement: str, values: Mapping[str, Any], limit_s: float
    ) -> DictRow | None:
        was_idle = self._connection is not None and not self._connection.closed
        if self._connection is None or not was_idle:
            self._connection = await self._connect()
        try:
            return await self._run_call(self._connection, begin, statement, values, limit_s)
        except _BROKEN:
            if not was_idle or not self._connection.broken:
                raise
            await self._discard()
        self._connection = await self._connect()
        return await self._run_call(self._connection, begin, statement, values, limit_s)

    async def _run_call(
        self,
        connection: psycopg.AsyncConnection[DictRow],
        begin: str,
        statement: str,
        values: Mapping[str, Any],
        limit_s: float,
    ) -> DictRow | None:
        cursor = Cursor(connection, row_factory=dict_row)
        cursor.limit_s = limit_s
        bound = psycopg.AsyncClientCursor(connection).mogrify(statement.encode(), values)
        try:
            await cursor.execute(f"{begin};{bound};COMMIT".encode())
        except psycopg.Error:
            if not connection.broken:
                await self._roll_back(cursor)
            raise
        found: DictRow | None = None
        while True:
            if found is None and cursor.description:
                found = await cursor.fetchone()
            if not cursor.nextset():
                return found

    @asynccontextmanager
    async def definer_tx(self, *, background: bool = False, snapshot: bool = False) -> AsyncIterator[Cursor]:
        """A transaction outside of any organization: row-level security hides every row.

        Only SECURITY DEFINER functions see anything, each what it was written to show. Same arguments and
        errors as `tenant_tx`.
        """
        limits = self._limits(background)
        async with self._transaction(_begin_statement(None, None, snapshot, limits), limits) as cursor:
            yield cursor

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Cursor]:
        """A connection of its own outside of transactions and organizations, closed at the end.

        For statements that cannot run in a transaction. Each commits by itself and may take hours.

        Raises:
            ServiceUnavailable: The database cannot be reached, or it ended the connection.
        """
        try:
            connection = await self._connect()
            async with connection:
                cursor = Cursor(connection, row_factory=dict_row)
                cursor.limit_s = _SESSION_LIMIT_S
                yield cursor
        except _BROKEN as error:
            raise _unavailable(error) from error

    async def ping(self) -> None:
        """Returns if the database answers.

        Raises:
            ServiceUnavailable: It does not.
        """
        async with self.definer_tx() as cursor:
            await cursor.execute("SELECT 1")

    async def close(self) -> None:
        """Ends the connection; the next transaction opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    def _limits(self, background: bool) -> _Limits:
        settings = self._settings
        if background:
            return _Limits(settings.ingestion_statement_timeout_ms, settings.ingestion_lock_timeout_ms)
        return _Limits(settings.statement_timeout_ms, settings.lock_timeout_ms)

    @asynccontextmanager
    async def _transaction(self, begin: str, limits: _Limits) -> AsyncIterator[Cursor]:
        async with self._turn:
            try:
                cursor = await self._begin(begin, limits.statement_ms / 1000 + _GRACE_S)
                try:
                    yield cursor
                except BaseException:
                    await self._roll_back(cursor)
                    raise
                await cursor.execute("COMMIT")
            except _BROKEN as error:
                await self._discard_if_broken()
                raise _unavailable(error) from error

    async def _begin(self, begin: str, limit_s: float) -> Cursor:
        """Starts the transaction; a connection that died while idle is replaced once."""
        if self._connection is not None and not self._connection.closed:
            try:
                return await self._run_begin(self._connection, begin, limit_s)
            except _BROKEN:
                await self._discard()
        self._connection = await self._connect()
        return await self._run_begin(self._connection, begin, limit_s)

    @staticmethod
    async def _run_begin(connection: psycopg.AsyncConnection[DictRow], begin: str, limit_s: float) -> Cursor:
        cursor = Cursor(connection, row_factory=dict_row)
        cursor.limit_s = limit_s
        await cursor.execute(begin.encode())
        return cursor

    async def _roll_back(self, cursor: Cursor) -> None:
        """Ends the transaction; a connection that does not even do that is given up."""
        try:
            await cursor.execute("ROLLBACK")
        except _BROKEN:
            await self._discard()
        except BaseException:
            await self._discard()
            raise

    async def _discard_if_broken(self) -> None:
        connection = self._connection
        idle = psycopg.pq.TransactionStatus.IDLE
        if connection is not None and (connection.closed or connection.info.transaction_status != idle):
            await self._discard()

    async def _discard(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                await connection.close()

    async def _connect(self) -> psycopg.AsyncConnection[DictRow]:
        settings = self._settings
        password = await self._password()
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                return await psycopg.AsyncConnection.connect(
                    host=settings.host,
                    port=settings.port,
                    dbname=settings.database,
                    user=settings.user,
                    password=password,
                    sslmode=settings.sslmode,
                    application_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "footnote"),
                    autocommit=True,
                    prepare_threshold=None,
                    row_factory=dict_row,
                )
        except TimeoutError as error:
            raise psycopg.OperationalError("connect timed out") from error

    async def _password(self) -> str | None:
        settings = self._settings
        if settings.sign_in == "iam":
            region = os.environ.get("AWS_REGION", "us-east-1")
            return iam_token(settings.host, settings.port, settings.user, region)
        if not settings.password_secret:
            return None
        return (await read_credentials(self._secrets, settings.password_secret)).password


def _begin_statement(
    organization_id: UUID | None, user_id: UUID | None, snapshot: bool, limits: _Limits
) -> str:
    """One round trip. Only UUIDs and integers are written into it, so nothing can be injected."""
    mode = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if snapshot else "BEGIN"
    # Rows of one organization lie together and mostly in memory: reading them by an index costs little more
    # than in sequence, and the default assumes four times as much. A snapshot searches: posting lists are
    # read in the order of their index, never collected and sorted, and the set of an organization's documents
    # is hashed in memory (32 MB hold some 500,000).
    planning = "SET LOCAL jit=off;SET LOCAL random_page_cost=1.1"
    if snapshot:
        planning += ";SET LOCAL enable_bitmapscan=off;SET LOCAL work_mem='32MB'"
    return (
        f"{mode};"
        f"SET LOCAL app.organization_id='{_uuid_literal(organization_id)}';"
        f"SET LOCAL app.user_id='{_uuid_literal(user_id)}';"
        f"SET LOCAL statement_timeout={int(limits.statement_ms)};"
        f"SET LOCAL lock_timeout={int(limits.lock_ms)};"
        f"{planning}"
    )


def _uuid_literal(value: UUID | None) -> str:
    return "" if value is None else str(UUID(str(value)))


def _unavailable(error: BaseException) -> ServiceUnavailable:
    logger.warning("database unavailable", extra={"sqlstate": getattr(error, "sqlstate", None)})
    return ServiceUnavailable("The database cannot be reached right now. Try again in a few seconds.")
