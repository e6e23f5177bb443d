"""Bodies of `POST /invocations` and `GET /ping`, as clients in any language see them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from functions.reranking.backends import Description, Scored


class RerankRequest(BaseModel):
    """A query and the passages to be judged by it, one or more."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    query: str
    passages: list[str] = Field(min_length=1)


class RerankResponse(BaseModel):
    """One score a passage, in order.

    Attributes:
        model: Name of the model.
        revision: Digest of what scores depend on.
        scores: 0..1, the sigmoid of the model's logit: how well the passage answers the query.
        tokens: Word pieces of each whole pair, special ones included.
        truncated: Indexes of the pairs that are longer than the model's window and were cut.
    """

    model: str
    revision: str
    scores: list[float]
    tokens: list[int]
    truncated: list[int]


class Ping(BaseModel):
    """The ready container's model."""

    status: Literal["ready"] = "ready"
    model: str
    revision: str
    window: int


def describe(description: Description) -> Ping:
    """The body of `GET /ping`."""
    return Ping(model=description.model, revision=description.revision, window=description.window)


def respond(description: Description, scored: Sequence[Scored]) -> RerankResponse:
    """The body of a successful `POST /invocations`."""
    return RerankResponse(
        model=description.model,
        revision=description.revision,
        scores=[one.score for one in scored],
        tokens=[one.tokens for one in scored],
        truncated=[index for index, one in enumerate(scored) if one.truncated],
    )
