"""What models were used for, as lines of the ledger with their costs; and what it may cost at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from footnote.billing.prices import PriceList
from footnote.models import ModelUsage
from footnote.quota import Meter, Used

ANY = ""
"""Stands in a bound for a model whose name is not known before it answers."""

_KINDS = MappingProxyType(
    {
        Meter.EMBEDDING_TOKENS: "embedding",
        Meter.RERANK_CALLS: "rerank",
        Meter.INPUT_TOKENS: "input",
        Meter.CACHED_TOKENS: "cached",
        Meter.OUTPUT_TOKENS: "output",
        Meter.COMPUTE_MS: "compute",
    }
)


@dataclass(frozen=True, slots=True)
class Cost:
    """What one piece of work cost the platform, in micro-USD; as in the ledger, to the unit.

    Attributes:
        input: Of the tokens of prompts that the model's server had to read; `cached` of those it had kept.
        price_version: Of the price table.
    """

    total_micro_usd: int
    embedding: int
    rerank: int
    input: int
    cached: int
    output: int
    compute: int
    price_version: int

    @classmethod
    def of(cls, used: tuple[Used, ...], price_version: int) -> Cost:
        """The sums of ledger lines."""
        by_kind = dict.fromkeys(_KINDS.values(), 0)
        for one in used:
            if one.meter in _KINDS:
                by_kind[_KINDS[one.meter]] += one.cost_micro_usd
        return cls(sum(by_kind.values()), **by_kind, price_version=price_version)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def used_lines(usage: ModelUsage, prices: PriceList) -> tuple[Used, ...]:
    """The lines of a collection, by kind and model.

    All tokens of a prompt are counted as input tokens. Those that the model's server had kept cost as cached
    ones, and only the others as input.
    """
    units = usage.units()
    lines = []
    for (kind, model), count in units.items():
        meter = Meter(kind)
        charged = count
        if meter is Meter.INPUT_TOKENS:
            charged = max(0, count - units.get(("cached_tokens", model), 0))
        lines.append(Used(meter, count, model, prices.cost(meter, model, charged)))
    return tuple(lines)


def highest_cost(bounds: Mapping[tuple[Meter, str], int], prices: PriceList) -> int:
    """Micro-USD that so many units at most can cost; each line may be rounded up.

    Args:
        bounds: Units by meter and model; `ANY` takes the dearest. Cached tokens are some of the prompt's, so
            that only the dearer of the two counts.
        prices: The table.
    """
    total = 0
    for (meter, model), units in bounds.items():
        if units == 0 or meter is Meter.CACHED_TOKENS:
            continue
        cost = _most(prices, meter, model, units)
        if meter is Meter.INPUT_TOKENS and (Meter.CACHED_TOKENS, model) in bounds:
            # Two lines, each rounded up by itself.
            cost = 1 + max(cost, _most(prices, Meter.CACHED_TOKENS, model, units))
        total += cost
    return total


def _most(prices: PriceList, meter: Meter, model: str, units: int) -> int:
    return prices.bound(meter, units) if model == ANY else prices.cost(meter, model, units)
