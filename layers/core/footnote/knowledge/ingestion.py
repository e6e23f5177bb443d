"""Ingestion: from an object event to a searchable document (reliability.md, f).

Whatever happens in between, a document is either as it was or wholly new, and its state says which and why.
A file that cannot be read ends visibly and is done; a dependency that is down is no fault of the file: the
message comes back, and the work goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from footnote.billing import Charge, Charges
from footnote.knowledge.charging import IngestionCharges, Need, Refused
from footnote.knowledge.ingestion_failures import (
    DEFECT,
    DEPENDENCY,
    EXHAUSTED,
    GONE,
    refused,
    too_large,
    unreadable,
)
from footnote.knowledge.models import ChunkDraft, ParsedDocument, Stage
from footnote.knowledge.parsing import ParserUnavailable, Unreadable, format_of
from footnote.knowledge.parsing.errors import Empty
from footnote.knowledge.ports import (
    DuplicateContent,
    Failure,
    IngestionJob,
    IngestionStore,
    ObjectEvent,
    ObjectGone,
    ObjectStore,
    ObjectTooLarge,
    Progress,
    StagedVersion,
    StoredObject,
    Superseded,
)
from footnote.models import Embedder, EmbeddingModel, collecting_usage
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, FootnoteError, ModelUnavailable, ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import IngestionSettings

logger = get_logger("ingestion")

Parser = Callable[[Path, str, IngestionSettings], Awaitable[ParsedDocument]]
Chunker = Callable[[ParsedDocument, IngestionSettings], Sequence[ChunkDraft]]
T = TypeVar("T")

# Chunks that are embedded and stored together: a document of no more of them is one transaction.
BATCH = 64
# How often a claim is tried again while another worker holds the lease.
_CLAIMS = 3
# Documents that are on the disk and in the parser at the same time; 50 MB each at most.
_AT_ONCE = 4
_CHANGES = 10
# What the model adds to each text: [CLS] and [SEP].
_SPECIAL_TOKENS = 2


class Ingestion:
    """Takes object events in.

    Args:
        store: The state machine.
        objects: Where the bytes are.
        embedder: Turns chunks into vectors.
        parse: Reads a file in a confined process.
        chunk: Cuts a parsed document.
        charges: What may be used, and what it costs.
        settings: Limits.
        bucket: The only bucket whose events count.
    """

    def __init__(
        self,
        *,
        store: IngestionStore,
        objects: ObjectStore,
        embedder: Embedder,
        parse: Parser,
        chunk: Chunker,
        charges: Charges,
        settings: IngestionSettings,
        bucket: str,
    ) -> None:
        self._store = store
        self._objects = objects
        self._embedder = embedder
        self._parse = parse
        self._chunk = chunk
        self._settings = settings
        self._bucket = bucket
        self._charges = IngestionCharges(store, charges, settings.hold_s)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def ingest(self, event: ObjectEvent) -> None:
        """Does what the event asks for. Returns when there is nothing more to do about it.

        Raises:
            FootnoteError, OSError, Exception: It has to be delivered again. The document stays in progress,
                or after the last attempt ends as failed and retryable.
        """
        if event.bucket != self._bucket or event.key.endswith("/"):
            logger.warning("event of another bucket or of a folder ignored")
            return
        owner = await self._store.owner_of(event.key)
        if owner is None:
            logger.warning("object under no organization's prefix ignored")
            return
        context = OrganizationContext(owner.organization_id)
        job = await self._claim(context, event, owner.prefix)
        if job is not None:
            await self._run(context, job)

    async def _claim(
        self, context: OrganizationContext, event: ObjectEvent, prefix: str
    ) -> IngestionJob | None:
        """Claims the event's version; waits for the lease of a worker that may have died."""
        for _ in range(_CLAIMS):
            try:
                return await self._store.claim(context, event, prefix)
            except Conflict as error:
                conflict = error
                await asyncio.sleep(min(error.retry_after_s or 1, self._settings.lease_s) + 0.1)
        raise conflict

    async def _run(self, context: OrganizationContext, job: IngestionJob) -> None:
        try:
            if job.attempt > self._settings.max_attempts:
                await self._store.fail(context, job, EXHAUSTED)
            else:
                await self._process(context, job)
        except Superseded:
            logger.info("superseded by a newer event")
        except Unreadable as error:
            await self._store.fail(context, job, unreadable(error))
        except ObjectTooLarge:
            await self._store.fail(context, job, too_large(self._settings.max_bytes))
        except Refused as error:
            await self._store.fail(context, job, refused(error.denied))
        except ObjectGone:
            await self._store.fail(context, job, GONE)
        except (FootnoteError, ParserUnavailable):
            await self._give_up(context, job, DEPENDENCY)
            raise
        except asyncio.CancelledError:
            await self._give_up(context, job, DEPENDENCY)
            raise
        except Exception:
            logger.exception("ingestion failed")
            await self._give_up(context, job, DEFECT)
            raise

    async def _give_up(self, context: OrganizationContext, job: IngestionJob, failure: Failure) -> None:
        """Leaves the job to the next delivery, or ends it if this was the last."""
        try:
            if job.attempt >= self._settings.max_attempts:
                await self._store.fail(context, job, failure)
            else:
                await self._store.release(context, job)
        except ServiceUnavailable:
            logger.warning("the lease could not be given back; it runs out by itself")

    async def _process(self, context: OrganizationContext, job: IngestionJob) -> None:
        if job.size > self._settings.max_bytes:
            raise ObjectTooLarge
        work = _Work(self._store, context, job, self._settings.lease_s / 3)
        async with self._place(work):
            description = await self._read(work)
        if description is None:
            return
        try:
            await self._embed(work, description)
        except DuplicateContent:
            # The same bytes were being read twice at once; the other one was first.
            if not await self._is_duplicate(work, description.sha256):
                raise ServiceUnavailable("The document with the same bytes went away meanwhile.") from None

    @asynccontextmanager
    async def _place(self, work: _Work) -> AsyncIterator[None]:
        """A place on the disk and in the parser; the lease is renewed while waiting for it."""
        place = asyncio.ensure_future(self._places.acquire())
        try:
            await work.keep(place)
            yield
        finally:
            if place.done() and not place.cancelled():
                self._places.release()

    async def _read(self, work: _Work) -> _Description | None:
        """The parsed and cut document; `None` if its bytes are known already."""
        job = work.job
        with tempfile.TemporaryDirectory(prefix="footnote-") as directory:
            path = Path(directory) / "object"
            item = StoredObject(job.bucket, job.key, job.object_version or "")
            sha256 = await work.keep(self._objects.download(item, path, self._settings.max_bytes))
            if await self._is_duplicate(work, sha256):
                return None
            size = path.stat().st_size
            work.progress = replace(work.progress, stage=Stage.SCANNED)
            parsed = await work.keep(self._parse(path, job.filename, self._settings))
        if job.title:
            parsed = replace(parsed, title=job.title)
        work.progress = Progress(Stage.PARSED, parsed.units_total, parsed.units_read, 0)
        chunks = await work.keep(asyncio.to_thread(self._chunk, parsed, self._settings))
        if not chunks:
            raise Empty("The document holds no text.")
        return _Description(parsed, sha256, size, format_of(job.filename).name, tuple(chunks))

    async def _is_duplicate(self, work: _Work, sha256: str) -> bool:
        for _ in range(_CHANGES):
            try:
                return await self._store.resolve_duplicate(work.context, work.job, sha256)
            except Conflict as error:
                conflict = error
                await work.keep(asyncio.sleep(error.retry_after_s or 1))
        raise conflict

    async def _embed(self, work: _Work, description: _Description) -> None:
        """Embeds what is not stored yet, within what may be used."""
        chunks = description.chunks
        if len(chunks) > BATCH:
            await work.show(Progress(Stage.CHUNKED, *description.units, 0))
        model = await self._embedder.model()
        missing = await self._missing(work, chunks, model)
        tokens = sum(chunk.token_count + _SPECIAL_TOKENS for chunk in missing)
        need = Need(description.size, tokens, model.name)
        async with await self._charges.open(work.context, work.job, need) as charge:
            with collecting_usage(charge.usage):
                await self._store_batches(work, description, missing, charge)

    async def _store_batches(
        self, work: _Work, description: _Description, missing: Sequence[ChunkDraft], charge: Charge
    ) -> None:
        """Embeds and stores batch by batch; activates with the last one."""
        batches = [missing[start : start + BATCH] for start in range(0, len(missing), BATCH)] or [[]]
        version: StagedVersion | None = None
        for number, batch in enumerate(batches, start=1):
            vectors = await work.keep(
                self._embedder.embed_passages_with_sentences(
                    [chunk.embedding_text for chunk in batch], [chunk.embedded_sentences for chunk in batch]
                )
            )
            model = await self._embedder.model()
            if version is not None and version.model != model:
                raise ModelUnavailable("The embedding model was exchanged in the middle of a document.")
            version = version or description.version(model)
            if number < len(batches):
                await self._store.stage(work.context, work.job, version, batch, vectors)
                work.progress = Progress(Stage.EMBEDDED, *description.units, batch[-1].ordinal + 1)
            else:
                settlement = charge.settlement({})
                await self._store.activate(work.context, work.job, version, batch, vectors, settlement)
                charge.is_settled = True

    async def _missing(
        self, work: _Work, chunks: Sequence[ChunkDraft], model: EmbeddingModel
    ) -> list[ChunkDraft]:
        """The chunks that no earlier attempt has stored."""
        if work.job.attempt == 1:
            return list(chunks)
        stored = await self._store.stored_ordinals(work.context, work.job, chunks, model)
        return [chunk for chunk in chunks if chunk.ordinal not in stored]


@dataclass(slots=True)
class _Work:
    """A running job: how far it is, and its lease."""

    store: IngestionStore
    context: OrganizationContext
    job: IngestionJob
    renewal_s: float
    progress: Progress = Progress(Stage.RECEIVED, 0, 0, 0)  # noqa: RUF009 - frozen

    async def show(self, progress: Progress) -> None:
        """Makes progress visible; renews the lease."""
        self.progress = progress
        await self.store.progress(self.context, self.job, progress)

    async def keep(self, work: Awaitable[T]) -> T:
        """Waits for something that may take long, renewing the lease meanwhile.

        Raises:
            Superseded: The job is another's now; the work was cancelled.
        """
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait({task}, timeout=self.renewal_s))[0]:
                await self.show(self.progress)
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


@dataclass(frozen=True, slots=True)
class _Description:
    """What is known of a version before it is embedded."""

    parsed: ParsedDocument
    sha256: str
    size: int
    format: str
    chunks: tuple[ChunkDraft, ...]

    @property
    def units(self) -> tuple[int, int]:
        return self.parsed.units_total, self.parsed.units_read

    def version(self, model: EmbeddingModel) -> StagedVersion:
        parsed = self.parsed
        return StagedVersion(
            title=parsed.title,
            language=parsed.language,
            sha256=self.sha256,
            format=self.format,
            size=self.size,
            unit_kind=parsed.unit_kind,
            units_total=parsed.units_total,
            units_read=parsed.units_read,
            characters=len(parsed.text),
            chunk_count=len(self.chunks),
            warnings=parsed.warnings,
            model=model,
        )
