"""Bodies of `POST /invocations` and `GET /ping`, as clients in any language see them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from functions.embedding.backends import Description, Embedded, Item, Kind

Encoding = Literal["base64", "json"]


class EmbedRequest(BaseModel):
    """Texts to embed.

    Attributes:
        inputs: One or more texts.
        kind: What the texts are; some models treat the two differently, and queries go first.
        encoding: `base64` for packed vectors, `json` for arrays of numbers.
        spans: For each text the ranges of it (sentences) that get vectors of their own, within their context:
            half-open, in characters, in order of their starts. `None` for no such vectors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: list[str] = Field(min_length=1)
    kind: Kind = "passage"
    encoding: Encoding = "base64"
    spans: list[list[tuple[int, int]]] | None = None

    @model_validator(mode="after")
    def _spans_lie_in_their_texts(self) -> EmbedRequest:
        if self.spans is None:
            return self
        if len(self.spans) != len(self.inputs):
            raise ValueError(
                f"spans: {len(self.spans)} lists for {len(self.inputs)} texts; each text needs one"
            )
        for index, (text, spans) in enumerate(zip(self.inputs, self.spans, strict=True)):
            before = 0
            for number, (start, end) in enumerate(spans):
                if not before <= start < end <= len(text):
                    raise ValueError(
                        f"spans.{index}.{number}: [{start}, {end}] is no range of its text, which has "
                        f"{len(text)} characters, or starts before the span in front of it"
                    )
                before = start
        return self

    @property
    def items(self) -> list[Item]:
        """The texts with their spans."""
        if self.spans is None:
            return [Item(text) for text in self.inputs]
        return list(map(Item, self.inputs, self.spans))


class EmbedResponse(BaseModel):
    """One vector a text, in order.

    Attributes:
        model: Hub name.
        revision: Digest of weights, graph and precision; never compare vectors of two revisions.
        dimension: Length of a vector.
        count: Number of vectors.
        vectors: base64 of little-endian float32, rows one after the other, or arrays of numbers.
        tokens: Word pieces of each whole text, special ones included.
        truncated: Indexes of the texts that are longer than the model's window and were cut.
        span_vectors: Vectors of the spans, written like `vectors`, in order of the texts and of their spans.
            A span that holds no word piece, or lies where its text was cut off, has the vector of its text.
        span_counts: How many of them belong to each text. Both are absent unless spans were asked for.
    """

    model: str
    revision: str
    dimension: int
    count: int
    vectors: str | list[list[float]]
    tokens: list[int]
    truncated: list[int]
    span_vectors: str | list[list[float]] | None = None
    span_counts: list[int] | None = None


class Ping(BaseModel):
    """The ready container's model."""

    status: Literal["ready"] = "ready"
    model: str
    revision: str
    dimension: int
    window: int
    precision: str


def describe(description: Description) -> Ping:
    """The body of `GET /ping`."""
    return Ping(
        model=description.model,
        revision=description.revision,
        dimension=description.dimension,
        window=description.window,
        precision=description.precision,
    )


def respond(description: Description, embedded: Sequence[Embedded], wanted: EmbedRequest) -> EmbedResponse:
    """The body of a successful `POST /invocations`."""
    matrix = np.stack([one.vector for one in embedded])
    pooled = [one.spans for one in embedded if one.spans is not None]
    spans = np.concatenate(pooled) if pooled else matrix[:0]
    return EmbedResponse(
        model=description.model,
        revision=description.revision,
        dimension=description.dimension,
        count=len(embedded),
        vectors=_written(matrix, wanted.encoding),
        tokens=[one.tokens for one in embedded],
        truncated=[index for index, one in enumerate(embedded) if one.tokens > description.window],
        span_vectors=None if wanted.spans is None else _written(spans, wanted.encoding),
        span_counts=None if wanted.spans is None else [len(of_text) for of_text in wanted.spans],
    )


def _written(matrix: npt.NDArray[np.float32], encoding: Encoding) -> str | list[list[float]]:
    if encoding == "json":
        rows: list[list[float]] = matrix.tolist()
        return rows
    return base64.b64encode(matrix.astype("<f4").tobytes()).decode("ascii")
