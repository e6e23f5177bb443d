"""The embedding container's contract, whatever carries it: SageMaker or a plain URL.

Request: `{"inputs": [texts], "kind": "query"|"passage"}`. Answer: model, revision, dimension and the vectors
as base64 of little-endian float32, rows one after the other (functions/embedding/contract.py). With `spans`,
for each text a list of ranges, the answer holds `span_vectors` as well, all in one row after the other.
"""

from __future__ import annotations

import base64
import binascii
import json
import sys
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, Literal

from footnote.models.ports import EmbeddingModel, PassageVectors
from footnote.models.providers.endpoint import Exchange, ModelEndpoint, unavailable
from footnote.models.usage import collecting_usage, report_usage
from footnote.platform.settings import EmbeddingSettings

Kind = Literal["query", "passage"]
Spans = Sequence[tuple[int, int]]
Vectors = list[list[float]]

PROBE = "footnote"
# What one request may ask for: some 4 MB of the 6 that SageMaker lets through.
MAX_SPANS = 2_000

_unavailable = partial(unavailable, "embedding")


class ContainerEmbedder:
    """An `Embedder` over one endpoint. Texts go in batches, one after the other; vectors come back in order.

    Args:
        settings: Batch size and time limits (seconds): `timeout_s` for queries, `ingestion_timeout_s` for
            passages, each for one batch with its retry.
        exchange: How a request reaches the endpoint.
    """

    def __init__(self, settings: EmbeddingSettings, exchange: Exchange) -> None:
        self._settings = settings
        self._endpoint = ModelEndpoint("embedding", exchange)
        self._model: EmbeddingModel | None = None

    async def close(self) -> None:
        """Closes the connections."""
        await self._endpoint.close()

    async def model(self) -> EmbeddingModel:
        """The model of the latest answer; asks once when there was none yet."""
        if self._model is None:
            with collecting_usage():  # of no request: every process asks once
                await self.embed_queries([PROBE])
        assert self._model is not None
        return self._model

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embed(texts, "query", self._settings.timeout_s)

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embed(texts, "passage", self._settings.ingestion_timeout_s)

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Spans]
    ) -> list[PassageVectors]:
        found: list[PassageVectors] = []
        seen: EmbeddingModel | None = None
        for start, end in _batches(spans, self._settings.batch_size):
            body = {"inputs": texts[start:end], "kind": "passage", "spans": spans[start:end]}
            counts = [len(of_text) for of_text in spans[start:end]]
            content = await self._request(body, self._settings.ingestion_timeout_s)
            model, vectors, sentences = decode_with_spans(content, counts, self._settings.dimension)
            seen = _same(model, seen)
            found += map(PassageVectors, vectors, sentences)
        self._model = seen or self._model
        return found

    async def _embed(self, texts: Sequence[str], kind: Kind, timeout_s: float) -> Vectors:
        vectors: Vectors = []
        seen: EmbeddingModel | None = None
        for start in range(0, len(texts), self._settings.batch_size):
            batch = list(texts[start : start + self._settings.batch_size])
            content = await self._request({"inputs": batch, "kind": kind}, timeout_s)
            model, part = decode(content, len(batch), self._settings.dimension)
            seen = _same(model, seen)
            vectors += part
        self._model = seen or self._model
        return vectors

    async def _request(self, wanted: dict[str, Any], timeout_s: float) -> bytes:
        """The body of a successful answer.

        Raises:
            ModelUnavailable: There is none.
        """
        body = json.dumps(wanted).encode()
        async with self._endpoint.within(timeout_s):
            return await self._endpoint.post(body)


def decode(content: bytes, count: int, dimension: int) -> tuple[EmbeddingModel, Vectors]:
    """Model and vectors of an answer, whose tokens are reported.

    Args:
        content: The answer's body.
        count: Texts that were sent.
        dimension: Length a vector must have.

    Raises:
        ModelUnavailable: The answer is not what the contract says.
    """
    with _reading():
        answer = json.loads(content)
        found = _model(answer), _rows(answer, "vectors", count, dimension)
        _report(answer)
        return found


def decode_with_spans(
    content: bytes, counts: Sequence[int], dimension: int
) -> tuple[EmbeddingModel, Vectors, list[list[array[float]]]]:
    """Model, vectors of the texts and, for each text, vectors of its spans; the tokens are reported.

    Args:
        content: The answer's body.
        counts: How many spans of each text were sent.
        dimension: Length a vector must have.

    Raises:
        ModelUnavailable: The answer is not what the contract says.
    """
    with _reading():
        answer = json.loads(content)
        vectors = _rows(answer, "vectors", len(counts), dimension)
        # Left as they come: numbers of their own for so many of them take as long as all the rest.
        packed = _numbers(answer, "span_vectors", sum(counts), dimension)
        of_spans = (packed[start : start + dimension] for start in range(0, len(packed), dimension))
        found = _model(answer), vectors, [list(islice(of_spans, count)) for count in counts]
        _report(answer)
        return found


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise _unavailable(f"an unreadable answer: {type(error).__name__}") from error


def _model(answer: dict[str, Any]) -> EmbeddingModel:
    return EmbeddingModel(str(answer["model"]), str(answer["revision"]), int(answer["dimension"]))


def _report(answer: dict[str, Any]) -> None:
    """The word pieces that were embedded, as the model counts them."""
    report_usage("embedding_tokens", str(answer["model"]), sum(map(int, answer["tokens"])))


def _rows(answer: dict[str, Any], name: str, count: int, dimension: int) -> Vectors:
    """The vectors under `name`, of which there must be `count`."""
    numbers = _numbers(answer, name, count, dimension).tolist()
    return [numbers[start : start + dimension] for start in range(0, len(numbers), dimension)]


def _numbers(answer: dict[str, Any], name: str, count: int, dimension: int) -> array[float]:
    values = array("f", base64.b64decode(answer[name], validate=True))
    if sys.byteorder == "big":
        values.byteswap()
    if answer["dimension"] != dimension or len(values) != count * dimension:
        raise _unavailable(
            f"{name}: {len(values)} numbers of dimension {answer['dimension']} instead of {count} vectors of "
            f"dimension {dimension}"
        )
    return values


def _batches(spans: Sequence[Spans], most: int) -> Iterator[tuple[int, int]]:
    """Ranges of texts for one request each: at most `most` of them, with at most `MAX_SPANS` spans."""
    start, held = 0, 0
    for index, of_text in enumerate(spans):
        if index > start and (index - start == most or held + len(of_text) > MAX_SPANS):
            yield start, index
            start, held = index, 0
        held += len(of_text)
    if spans:
        yield start, len(spans)


def _same(model: EmbeddingModel, seen: EmbeddingModel | None) -> EmbeddingModel:
    """The model of the batches before, which must be that of the next."""
    if seen is not None and model != seen:
        raise _unavailable("the endpoint changed its model between two batches")
    return model
