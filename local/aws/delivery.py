"""Delivers messages to functions, as Lambda's event source mapping for SQS does.

Batches, several at once, with partial batch responses (`batchItemFailures`): what failed comes back after a
pause that grows with its deliveries, and goes to the dead-letter queue after the last one.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Sequence

from footnote.platform.manifest import FunctionManifest
from local.aws.events import sqs_event
from local.aws.queues import Message, QueueStore
from local.runtime.invocation import InvocationResult, Invoker, RequestTooLarge, RuntimeStopped

_WINDOW_S = 0.08
_LONGEST_SLEEP_S = 30.0
RETRY_DELAYS_S = (5.0, 20.0, 60.0)

logger = logging.getLogger("footnote.local.delivery")


class Delivery:
    """One function's event source mapping.

    Args:
        queues: The queues.
        manifest: The function; of kind `queue`.
        runtime: Runs it.
        retry_delays_s: Pauses after the first, second, … failed delivery; the last counts for all later.
    """

    def __init__(
        self,
        queues: QueueStore,
        manifest: FunctionManifest,
        runtime: Invoker,
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
    ) -> None:
        assert manifest.queue is not None
        self._queues = queues
        self._function = manifest.name
        self._source = manifest.queue
        self._definition = queues.definitions[manifest.queue.name]
        self._runtime = runtime
        self._retry_delays_s = retry_delays_s
        self._places = asyncio.Semaphore(manifest.queue.max_concurrency)
        self._batches: set[asyncio.Task[None]] = set()
        self._flowing_until = 0.0
        self._poller: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts to deliver."""
        self._poller = asyncio.create_task(self._poll())

    async def drain(self, timeout_s: float) -> None:
        """Receives no more and waits for the batches under way, at most `timeout_s`."""
        await self._stop_polling()
        if self._batches:
            await asyncio.wait(self._batches, timeout=timeout_s)

    async def stop(self) -> None:
        """Stops at once; messages under way come back at the next start."""
        await self._stop_polling()
        for batch in self._batches:
            batch.cancel()
        await asyncio.gather(*self._batches, return_exceptions=True)

    async def _stop_polling(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)
            self._poller = None

    async def _poll(self) -> None:
        changed = self._queues.subscribe(self._source.name)
        try:
            while True:
                await self._wait(changed)
                await self._places.acquire()
                try:
                    messages = await self._batch()
                except BaseException:
                    self._places.release()
                    raise
                if not messages:
                    self._places.release()
                    continue
                task = asyncio.get_running_loop().create_task(self._deliver(messages))
                self._batches.add(task)
                task.add_done_callback(self._batches.discard)
        finally:
            self._queues.unsubscribe(self._source.name, changed)

    async def _wait(self, changed: asyncio.Event) -> None:
        """Returns when a message can be received."""
        while True:
            changed.clear()
            moment = self._queues.next_visible(self._source.name)
            pause = _LONGEST_SLEEP_S if moment is None else moment - time.time()
            if pause <= 0:
                return
            try:
                async with asyncio.timeout(min(pause, _LONGEST_SLEEP_S)):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _batch(self) -> list[Message]:
        """The next batch; while messages flow it is given a moment to fill."""
        if time.monotonic() < self._flowing_until:
            visible, _ = self._queues.counts(self._source.name)
            if visible < self._source.batch_size:
                await asyncio.sleep(_WINDOW_S)
        self._flowing_until = time.monotonic() + 1.0
        return await self._queues.receive(self._source.name, self._source.batch_size)

    async def _deliver(self, messages: list[Message]) -> None:
        try:
            failed = await self._failed(messages)
            succeeded = [message.receipt for message in messages if message not in failed]
            if succeeded:
                await self._queues.delete(self._source.name, succeeded)
            if failed:
                dead = await self._queues.fail(failed, self._delay)
                for message in dead:
                    logger.error(
                        "message %s of %s is a dead letter now", message.message_id, self._source.name
                    )
        except RuntimeStopped:
            return  # the next start makes the messages visible again and does not count this delivery
        except Exception:
            logger.exception("a batch of %s could not be settled; it comes back", self._source.name)
        finally:
            self._places.release()

    async def _failed(self, messages: list[Message]) -> list[Message]:
        """Invokes the function; returns the messages that it did not process."""
        try:
            result = await self._runtime.invoke(self._function, sqs_event(self._definition, messages))
        except RequestTooLarge:
            logger.exception("a batch of %s is too large for an invocation", self._source.name)
            return messages
        if result.function_error:
            logger.error("function %s failed a batch: %s", self._function, result.error().get("errorType"))
            return messages
        return _partial_failures(messages, result)

    def _delay(self, deliveries: int) -> float:
        return self._retry_delays_s[min(deliveries, len(self._retry_delays_s)) - 1]


def _partial_failures(messages: list[Message], result: InvocationResult) -> list[Message]:
    """Reads `batchItemFailures`; anything malformed fails the whole batch, as on AWS."""
    try:
        answer = json.loads(result.payload) if result.payload else None
        items = (answer or {}).get("batchItemFailures") or []
        ids = [item["itemIdentifier"] for item in items]
    except (ValueError, AttributeError, TypeError, KeyError):
        return messages
    known = {message.message_id: message for message in messages}
    if not all(isinstance(each, str) and each in known for each in ids):
        return messages
    return [known[each] for each in ids]
