"""Everything durable at the AWS edge: objects with their versions, and messages with their receipts.

One SQLite database in WAL mode, written by one thread that commits what has gathered meanwhile in one
transaction and flushes it to disk before anyone is told, plus one file per object body. An object and the
messages about it are written in the same transaction: neither exists without the other after a crash.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS object_versions (
    sequence INTEGER PRIMARY KEY,       -- grows with time over all objects: S3's sequencer
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    version_id TEXT NOT NULL UNIQUE,
    deleted INTEGER NOT NULL,           -- a delete marker
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    body TEXT,                          -- the file's name; none for a delete marker
    modified REAL NOT NULL,             -- seconds since the epoch
    headers TEXT NOT NULL               -- JSON: content type, user metadata, checksum
);
CREATE INDEX IF NOT EXISTS object_keys ON object_versions (bucket, key, sequence DESC);
CREATE TABLE IF NOT EXISTS uploads (
    upload_id TEXT PRIMARY KEY,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    headers TEXT NOT NULL,
    created REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS parts (
    upload_id TEXT NOT NULL REFERENCES uploads ON DELETE CASCADE,
    number INTEGER NOT NULL,
    size INTEGER NOT NULL,
    etag TEXT NOT NULL,
    body TEXT NOT NULL,
    modified REAL NOT NULL,
    PRIMARY KEY (upload_id, number)
);
CREATE TABLE IF NOT EXISTS messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    attributes TEXT NOT NULL,           -- JSON, the sender's
    sent REAL NOT NULL,
    visible REAL NOT NULL,              -- not delivered before
    received INTEGER NOT NULL DEFAULT 0,
    first_received REAL,
    receipt TEXT                        -- of the delivery under way
);
CREATE INDEX IF NOT EXISTS queue_order ON messages (queue, visible, position);
CREATE TABLE IF NOT EXISTS schedules (
    name TEXT PRIMARY KEY,
    last_run REAL NOT NULL
);
"""
_CACHED_STATEMENTS = 256


@dataclass
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


class Journal:
    """The store.

    Args:
        directory: Where it lies; created if missing.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._bodies = directory / "bodies"
        self._incoming = directory / "incoming"
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._reader: sqlite3.Connection | None = None
        self._last_sequence = 0

    def open(self) -> None:
        """Opens the database and starts the writer; clears away what an interrupted write left (blocks)."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self._bodies.mkdir(exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        connection = self._connect()
        connection.executescript(_SCHEMA)
        self._last_sequence = (
            connection.execute("SELECT max(sequence) FROM object_versions").fetchone()[0] or 0
        )
        self._remove_strays(connection)
        self._reader = self._connect()
        self._writer = threading.Thread(target=self._write, args=(connection,), name="journal", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Commits what is under way and closes the database."""
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join()
            self._writer = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Does `work` in the writer's thread; returns when it is on disk.

        What `work` raises is raised here, and nothing it did is kept.
        """
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), loop)
        self._jobs.put(job)
        result: T = await job.done
        return result

    def read(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        """Rows of a quick query; sees all that was committed."""
        assert self._reader is not None
        return self._reader.execute(statement, parameters).fetchall()

    def next_sequence(self) -> int:
        """A number above all given so far; call it inside of `write`."""
        self._last_sequence = max(self._last_sequence + 1, time.time_ns())
        return self._last_sequence

    def incoming_file(self) -> Path:
        """A name for a body that is being received."""
        return self._incoming / secrets.token_hex(16)

    def adopt(self, incoming: Path) -> str:
        """Makes a received file a body, for good once the transaction is; returns its name."""
        name = incoming.name
        target = self.body(name)
        target.parent.mkdir(exist_ok=True)
        incoming.rename(target)
        _flush_directory(target.parent)
        return name

    def body(self, name: str) -> Path:
        """The file of a body."""
        return self._bodies / name[:2] / name

    def discard(self, name: str | None) -> None:
        """Removes a body that no version refers to any more."""
        if name:
            self.body(name).unlink(missing_ok=True)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.directory / "journal.sqlite",
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
        )
        connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _remove_strays(self, connection: sqlite3.Connection) -> None:
        for file in self._incoming.iterdir():
            file.unlink()
        known = {
            row[0]
            for row in connection.execute("SELECT body FROM object_versions UNION SELECT body FROM parts")
        }
        for file in self._bodies.glob("*/*"):
            if file.name not in known:
                file.unlink()

    def _write(self, connection: sqlite3.Connection) -> None:
        while (job := self._jobs.get()) is not None:
            batch = [job]
            last = False
            with contextlib.suppress(queue.Empty):
                while (following := self._jobs.get_nowait()) is not None:
                    batch.append(following)
                last = True
            self._commit(connection, batch)
            if last:
                break
        connection.close()

    def _commit(self, connection: sqlite3.Connection, batch: list[_Job]) -> None:
        outcomes: list[tuple[_Job, Any, BaseException | None]] = []
        try:
            with _transaction(connection, "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"):
                for job in batch:
                    try:
                        with _transaction(connection, "SAVEPOINT job", "RELEASE job", "ROLLBACK TO job"):
                            outcomes.append((job, _without_cursor(job.work(connection)), None))
                    except Exception as error:  # noqa: BLE001 - it is the caller's, and raised there
                        outcomes.append((job, None, error))
        except sqlite3.Error as error:
            outcomes = [(job, None, error) for job in batch]
        for job, result, failure in outcomes:
            with contextlib.suppress(RuntimeError):  # its event loop is gone
                job.loop.call_soon_threadsafe(_settle, job.done, result, failure)


def _without_cursor(result: Any) -> Any:
    """What may leave the writer's thread: no cursor, which would end in another amid the next statement."""
    if isinstance(result, sqlite3.Cursor):
        result.close()
        return None
    return result


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str, commit: str, rollback: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute(rollback)
        raise
    connection.execute(commit)


def _settle(done: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if done.done():
        return
    if failure is not None:
        done.set_exception(failure)
    else:
        done.set_result(result)


def flush_file(path: Path) -> None:
    """Brings a file's contents to disk (blocks)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_directory(path: Path) -> None:
    flush_file(path)
