"""Settings that an organization may try and activate, laid over the deployment's own."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

from pydantic import ValidationError

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest
from footnote.platform.settings import Section, Settings

Value = str | int | float | bool | None
Overrides = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Range:
    """What a numeric setting may be, both ends included."""

    low: float
    high: float


TUNABLE: Mapping[str, Range | None] = MappingProxyType(
    {
        "retrieval.candidates": Range(10, 500),
        "retrieval.champions_per_term": Range(50, 2_000),
        "retrieval.rescored": Range(10, 1_000),
        "retrieval.bm25_k1": Range(0.0, 5.0),
        "retrieval.bm25_b": Range(0.0, 1.0),
        "retrieval.dense_weight": Range(0.0, 1.0),
        "retrieval.fusion": None,
        "retrieval.rrf_k": Range(1, 1_000),
        "retrieval.hnsw_ef_search": Range(40, 1_000),
        "retrieval.rerank": None,
        "retrieval.reranked": Range(1, 100),
        "retrieval.rerank_weight": Range(0.0, 1.0),
        "retrieval.ranker_weight": Range(0.0, 1.0),
        "retrieval.near_duplicates": Range(0.0, 1.0),
        "retrieval.diversity": Range(0.0, 1.0),
        "retrieval.freshness_weight": Range(0.0, 1.0),
        "retrieval.freshness_half_life_days": Range(1.0, 36_500.0),
        "retrieval.title_weight": Range(0.0, 1.0),
        "retrieval.cut_below": Range(0.0, 1.0),
        "retrieval.neighbours": Range(0, 3),
        "retrieval.expand": None,
        "retrieval.routing": None,
        "chat.passages": Range(1, 30),
        "chat.context_tokens": Range(200, 8_000),
        "chat.passage_order": None,
        "chat.unsupported": None,
        "chat.history_turns": Range(0, 20),
        "chat.abstain_below": Range(0.0, 1.0),
    }
)
"""Settings of one query that an organization may try and activate; nothing else is open to it.

The ranges bound what one query may cost the others.
"""


def merged(settings: Settings, overrides: Overrides) -> Settings:
    """The settings with the overrides in place.

    Raises:
        InvalidRequest: A setting is not open to organizations, or its value has the wrong type or is out of
            range; the message names it.
    """
    sections: dict[str, dict[str, Value]] = {}
    for name, value in overrides.items():
        if name not in TUNABLE:
            raise _wrong(name, f"The setting '{name}' cannot be tried. Choose from {', '.join(TUNABLE)}.")
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = value
    changed = {section: _section(settings, section, values) for section, values in sections.items()}
    for name in overrides:
        section, _, key = name.partition(".")
        _check_range(name, getattr(changed[section], key))
    return settings.model_copy(update=changed)


def _section(settings: Settings, name: str, values: Mapping[str, Value]) -> Section:
    section: Section = getattr(settings, name)
    try:
        return type(section).model_validate({**section.model_dump(), **values})
    except ValidationError as error:
        problem = error.errors()[0]
        setting = ".".join([name, *map(str, problem["loc"][:1])])
        raise _wrong(setting, f"'{setting}': {problem['msg']}.") from error


def _check_range(name: str, value: object) -> None:
    limits = TUNABLE[name]
    if limits is None or not isinstance(value, int | float):
        return
    if not limits.low <= value <= limits.high:
        raise _wrong(name, f"'{name}' must be between {limits.low:g} and {limits.high:g}.")


def _wrong(name: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, details={"setting": name})


def digest(settings: Settings) -> str:
    """SHA-256 (hex) of everything that can change a ranking or an answer: two equal ones measure the same."""
    facts = {
        "retrieval": settings.retrieval.model_dump(mode="json"),
        "chat": settings.chat.model_dump(mode="json"),
        "embedding": {"model": settings.embedding.model, "dimension": settings.embedding.dimension},
        "generation": settings.generation.model_dump(
            mode="json", include={"base_url", "model", "extra_body"}
        ),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


class ActiveOverrides(Protocol):
    """Where an organization's overrides are kept."""

    async def active(self, context: OrganizationContext) -> Overrides:
        """Those in force; empty where nothing differs.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        ...


class LiveOverrides:
    """The overrides in force, remembered for a moment: every question asks for them.

    Args:
        store: Where they are kept.
        clock: Time.
        keep_s: How long they may be out of date, in seconds.
        most: Organizations that are remembered.
    """

    def __init__(
        self, store: ActiveOverrides, clock: Clock, *, keep_s: float = 10.0, most: int = 1_000
    ) -> None:
        self._store = store
        self._clock = clock
        self._keep_s = keep_s
        self._most = most
        self._known: OrderedDict[UUID, tuple[float, Overrides]] = OrderedDict()

    async def of(self, context: OrganizationContext) -> Overrides:
        """Those of the context's organization; errors as `ActiveOverrides.active`."""
        now = self._clock.monotonic()
        known = self._known.get(context.organization_id)
        if known is not None and now - known[0] < self._keep_s:
            return known[1]
        overrides = await self._store.active(context)
        self._known[context.organization_id] = (now, overrides)
        self._known.move_to_end(context.organization_id)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return overrides
