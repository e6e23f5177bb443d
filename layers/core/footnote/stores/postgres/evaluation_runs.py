"""Runs in Postgres: `evaluation.runs` and `evaluation.results`, for the API and for the evaluator."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.evaluation import (
    Creation,
    GoldenQuestion,
    Keyset,
    Lease,
    NewRun,
    PendingQuestion,
    QuestionResult,
    Run,
    RunState,
    Summary,
)
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, NotFound
from footnote.quota import Settlement
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.evaluation_sets import created_before, creation_values, no_set
from footnote.stores.postgres.fenced_holds import end_earlier_hold, settle_fenced

_COLUMNS = (
    "run_id, set_id, label, state, overrides, digest, set_revision, total, done, summary, failure,"
    " created_by, created_at, started_at, finished_at"
)
_RUN = f"""
SELECT {_COLUMNS} FROM evaluation.runs WHERE organization_id = %(organization)s AND run_id = %(run)s
"""
_RUNS = f"""
SELECT {_COLUMNS} FROM evaluation.runs
 WHERE organization_id = %(organization)s
   AND (%(set)s::uuid IS NULL OR set_id = %(set)s::uuid)
   AND (%(before_at)s::timestamptz IS NULL
        OR (created_at, run_id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
 ORDER BY created_at DESC, run_id DESC
 LIMIT %(limit)s
"""
_RUN_OF_REQUEST = f"""
SELECT {_COLUMNS}, request_digest FROM evaluation.runs
 WHERE organization_id = %(organization)s AND request_key = %(request_key)s
"""
_COUNT = """
SELECT count(*) AS kept, count(*) FILTER (WHERE state IN ('queued', 'running')) AS open
  FROM evaluation.runs WHERE organization_id = %(organization)s
"""
_SET = """
SELECT question_count, revision FROM evaluation.sets
 WHERE organization_id = %(organization)s AND set_id = %(set)s FOR SHARE
"""
_CREATE = f"""
INSERT INTO evaluation.runs
    (organization_id, run_id, set_id, label, overrides, digest, set_revision, total, request_key,
     request_digest, created_by)
VALUES (%(organization)s, %(run)s, %(set)s, %(label)s, %(overrides)s, %(digest)s, %(revision)s, %(total)s,
        %(request_key)s, %(request_digest)s, %(user)s)
RETURNING {_COLUMNS}
"""
_COPY_QUESTIONS = """
INSERT INTO evaluation.results (organization_id, run_id, position, question)
SELECT organization_id, %(run)s, position, question FROM evaluation.questions
 WHERE organization_id = %(organization)s AND set_id = %(set)s
"""
_RESULTS = """
SELECT position, result FROM evaluation.results
 WHERE organization_id = %(organization)s AND run_id = %(run)s AND position > %(after)s AND result IS NOT NULL
 ORDER BY position LIMIT %(limit)s
"""
_CANCEL = """
UPDATE evaluation.runs
   SET state = 'cancelled', fence = fence + 1, finished_at = clock_timestamp(), failure = NULL
 WHERE organization_id = %(organization)s AND run_id = %(run)s AND state IN ('queued', 'running')
"""
_USE = """
SELECT state IN ('queued', 'running') AS is_open,
       EXISTS (SELECT FROM evaluation.gates g
                WHERE g.organization_id = %(organization)s AND g.baseline_run_id = %(run)s) AS is_baseline
  FROM evaluation.runs WHERE organization_id = %(organization)s AND run_id = %(run)s FOR UPDATE
"""
_DELETE = "DELETE FROM evaluation.runs WHERE organization_id = %(organization)s AND run_id = %(run)s"
_CLAIM = f"""
UPDATE evaluation.runs
   SET state = 'running', fence = fence + 1, attempts = attempts + 1,
       started_at = coalesce(started_at, clock_timestamp()),
       leased_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
 WHERE organization_id = %(organization)s AND run_id = %(run)s AND state IN ('queued', 'running')
   AND leased_until <= clock_timestamp()
RETURNING {_COLUMNS}, fence, attempts
"""
_PENDING = """
SELECT position, question FROM evaluation.results
 WHERE organization_id = %(organization)s AND run_id = %(run)s AND result IS NULL
 ORDER BY position LIMIT %(limit)s
"""
_HELD = "organization_id = %(organization)s AND run_id = %(run)s AND fence = %(fence)s AND state = 'running'"
_HOLD = f"SELECT FROM evaluation.runs WHERE {_HELD} FOR NO KEY UPDATE"
_SAVE = """
UPDATE evaluation.results SET result = %(result)s, evaluated_at = clock_timestamp()
 WHERE organization_id = %(organization)s AND run_id = %(run)s AND position = %(position)s AND result IS NULL
"""
_ADVANCE = f"""
UPDATE evaluation.runs
   SET done = done + %(saved)s, attempts = 1, failure = NULL,
       leased_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
 WHERE {_HELD}
"""
_FINISH = f"""
UPDATE evaluation.runs SET state = 'completed', summary = %(summary)s, finished_at = clock_timestamp()
 WHERE {_HELD} AND done = total
"""
_GIVE_BACK = f"""
UPDATE evaluation.runs
   SET leased_until = clock_timestamp() + make_interval(secs => %(delay_s)s),
       attempts = CASE WHEN %(failed)s THEN attempts ELSE 0 END
 WHERE {_HELD}
"""
# The reason stands where that of a failure would: it is told apart by the state.
_PAUSE = f"""
UPDATE evaluation.runs
   SET leased_until = clock_timestamp() + make_interval(secs => %(delay_s)s), attempts = 0,
       failure = %(reason)s
 WHERE {_HELD}
"""
_FAIL = f"""
UPDATE evaluation.runs SET state = 'failed', failure = %(reason)s, finished_at = clock_timestamp()
 WHERE {_HELD}
"""


class PostgresRunStore:
    """`RunStore` and `RunQueue` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def created_run(self, context: OrganizationContext, creation: Creation) -> Run | None:
        """See `RunStore.created_run`."""
        values = creation_values(context, creation)
        async with self._database.tenant_tx(context, background=True) as cursor:
            row = await created_before(cursor, _RUN_OF_REQUEST, values)
        return None if row is None else _run(row)

    async def create_run(
        self, context: OrganizationContext, run: NewRun, creation: Creation, *, most: int, most_open: int
    ) -> tuple[Run, bool]:
        values = creation_values(context, creation) | {
            "user": context.acting_user(),
            "run": run.id,
            "set": run.set_id,
            "label": run.label,
            "overrides": Jsonb(dict(run.overrides)),
            "digest": run.digest,
        }
        async with self._database.tenant_tx(context, background=True) as cursor:
            if row := await created_before(cursor, _RUN_OF_REQUEST, values):
                return _run(row), False
            golden = await _one(cursor, _SET, values)
            if golden is None:
                raise no_set()
            if not golden["question_count"]:
                raise Conflict("The golden set has no questions yet.")
            runs = await _one(cursor, _COUNT, values)
            assert runs is not None
            if runs["open"] >= most_open:
                raise Conflict(f"{most_open} runs wait or are running already. Cancel one, or wait for one.")
            if runs["kept"] >= most:
                raise Conflict(f"An organization keeps at most {most} runs. Delete some first.")
            counts = {"revision": golden["revision"], "total": golden["question_count"]}
            row = await _one(cursor, _CREATE, values | counts)
            assert row is not None
            await cursor.execute(_COPY_QUESTIONS, values)
        return _run(row), True

    async def runs(
        self, context: OrganizationContext, *, set_id: UUID | None, before: Keyset | None, limit: int
    ) -> list[Run]:
        before_at, before_id = before or (None, None)
        values = {
            "organization": context.organization_id,
            "set": set_id,
            "before_at": before_at,
            "before_id": before_id,
            "limit": limit,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_RUNS, values)
            return [_run(row) for row in await cursor.fetchall()]

    async def get_run(self, context: OrganizationContext, run_id: UUID) -> Run:
        async with self._database.tenant_tx(context) as cursor:
            return _run(await _found(cursor, _key(context, run_id)))

    async def results(
        self, context: OrganizationContext, run_id: UUID, *, after: int, limit: int
    ) -> list[tuple[int, QuestionResult]]:
        values = _key(context, run_id) | {"after": after, "limit": limit}
        async with self._database.tenant_tx(context) as cursor:
            await _found(cursor, values)
            await cursor.execute(_RESULTS, values)
            rows = await cursor.fetchall()
        return [(row["position"], QuestionResult.from_json(row["result"])) for row in rows]

    async def cancel_run(self, context: OrganizationContext, run_id: UUID) -> Run:
        values = _key(context, run_id)
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_CANCEL, values)
            return _run(await _found(cursor, values))

    async def delete_run(self, context: OrganizationContext, run_id: UUID) -> None:
        values = _key(context, run_id)
        async with self._database.tenant_tx(context, background=True) as cursor:
            use = await _one(cursor, _USE, values)
            if use is None:
                raise _no_run()
            if use["is_open"]:
                raise Conflict("The run waits or is running. Cancel it first.")
            if use["is_baseline"]:
                raise Conflict("The run is the baseline of a gate. Delete the gate first.")
            await cursor.execute(_DELETE, values)

    async def due(self, limit: int) -> list[tuple[UUID, UUID]]:
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute("SELECT * FROM evaluator.due_runs(%s)", (limit,))
            return [(row["organization_id"], row["run_id"]) for row in await cursor.fetchall()]

    async def claim(self, context: OrganizationContext, run_id: UUID, lease_s: int) -> Lease | None:
        async with self._database.tenant_tx(context, background=True) as cursor:
            row = await _one(cursor, _CLAIM, _key(context, run_id) | {"lease_s": lease_s})
        return Lease(_run(row), row["fence"], row["attempts"]) if row else None

    async def pending(self, context: OrganizationContext, run_id: UUID, limit: int) -> list[PendingQuestion]:
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_PENDING, _key(context, run_id) | {"limit": limit})
            rows = await cursor.fetchall()
        return [PendingQuestion(row["position"], GoldenQuestion.from_json(row["question"])) for row in rows]

    async def prepare_hold(self, context: OrganizationContext, lease: Lease, hold_id: UUID) -> None:
        values = _held(context, lease)
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_HOLD, values)
            if await cursor.fetchone() is None:
                raise _lost()
            await end_earlier_hold(cursor, context.organization_id, hold_id)

    async def save(
        self,
        context: OrganizationContext,
        lease: Lease,
        position: int,
        result: QuestionResult,
        lease_s: int,
        charge: Settlement | None = None,
    ) -> None:
        values = _held(context, lease) | {
            "position": position,
            "result": Jsonb(result.as_json()),
            "lease_s": lease_s,
        }
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_HOLD, values)
            if await cursor.fetchone() is None:
                raise _lost()
            await cursor.execute(_SAVE, values)
            saved = cursor.rowcount
            await cursor.execute(_ADVANCE, values | {"saved": saved})
            if charge is not None and saved:
                await settle_fenced(cursor, charge)

    async def finish(self, context: OrganizationContext, lease: Lease, summary: Summary) -> None:
        values = _held(context, lease) | {"summary": Jsonb(summary.as_json())}
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_FINISH, values)
            if cursor.rowcount == 0:
                raise _lost()

    async def give_back(
        self, context: OrganizationContext, lease: Lease, retry_in_s: float | None = None
    ) -> None:
        values = {"delay_s": retry_in_s or 0.0, "failed": retry_in_s is not None}
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_GIVE_BACK, _held(context, lease) | values)

    async def pause(self, context: OrganizationContext, lease: Lease, reason: str, retry_in_s: float) -> None:
        values = {"delay_s": retry_in_s, "reason": reason}
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_PAUSE, _held(context, lease) | values)

    async def fail(self, context: OrganizationContext, lease: Lease, reason: str) -> None:
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_FAIL, _held(context, lease) | {"reason": reason})

    async def all_results(self, context: OrganizationContext, run_id: UUID) -> list[QuestionResult]:
        values = _key(context, run_id) | {"after": 0, "limit": None}
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_RESULTS, values)
            return [QuestionResult.from_json(row["result"]) for row in await cursor.fetchall()]


def _key(context: OrganizationContext, run_id: UUID) -> dict[str, Any]:
    return {"organization": context.organization_id, "run": run_id}


def _held(context: OrganizationContext, lease: Lease) -> dict[str, Any]:
    return _key(context, lease.run.id) | {"fence": lease.fence}


async def _one(cursor: Cursor, statement: str, values: dict[str, Any]) -> dict[str, Any] | None:
    await cursor.execute(statement, values)
    return await cursor.fetchone()


async def _found(cursor: Cursor, values: dict[str, Any]) -> dict[str, Any]:
    row = await _one(cursor, _RUN, values)
    if row is None:
        raise _no_run()
    return row


def _no_run() -> NotFound:
    return NotFound("There is no such evaluation run.")


def _lost() -> Conflict:
    return Conflict("The run is not this worker's any more.")


def _run(row: dict[str, Any]) -> Run:
    is_open = row["state"] in {RunState.QUEUED, RunState.RUNNING}
    return Run(
        id=row["run_id"],
        set_id=row["set_id"],
        label=row["label"],
        state=RunState(row["state"]),
        overrides=row["overrides"],
        digest=row["digest"],
        set_revision=row["set_revision"],
        total=row["total"],
        done=row["done"],
        summary=Summary.from_json(row["summary"]) if row["summary"] else None,
        failure=None if is_open else row["failure"],
        paused=row["failure"] if is_open else None,
        created_by=row["created_by"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
