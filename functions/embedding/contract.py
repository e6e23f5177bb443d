"""Bodies of `POST /invocations` and `GET /ping`, as clients in any language see them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from functions.embedding.backends import Description, Embedded, Kind


class EmbedRequest(BaseModel):
    """Texts to embed.

    Attributes:
        inputs: One or more texts.
        kind: What the texts are; some models treat the two differently, and queries go first.
        encoding: `base64` for packed vectors, `json` for arrays of numbers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    inputs: list[str] = Field(min_length=1)
    kind: Kind = "passage"
    encoding: Literal["base64", "json"] = "base64"


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
    """

    model: str
    revision: str
    dimension: int
    count: int
    vectors: str | list[list[float]]
    tokens: list[int]
    truncated: list[int]


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


def respond(
    description: Description, embedded: Sequence[Embedded], encoding: Literal["base64", "json"]
) -> EmbedResponse:
    """The body of a successful `POST /invocations`."""
    matrix = np.stack([one.vector for one in embedded]).astype("<f4")
    return EmbedResponse(
        model=description.model,
        revision=description.revision,
        dimension=description.dimension,
        count=len(embedded),
        vectors=base64.b64encode(matrix.tobytes()).decode("ascii")
        if encoding == "base64"
        else matrix.tolist(),
        tokens=[one.tokens for one in embedded],
        truncated=[index for index, one in enumerate(embedded) if one.tokens > description.window],
    )
