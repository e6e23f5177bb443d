"""Tiered caching: memory, Redis, store (sections 6.5 and 11.2 of the reference document).

What is cached and under which key is decided by the areas; this package knows kinds, tiers and time limits.
"""

from footnote.platform.caching.codec import Codec, JsonCodec, Undecodable
from footnote.platform.caching.keys import CacheKey, access_of, digest
from footnote.platform.caching.memory import MemoryTier
from footnote.platform.caching.policy import EMBEDDING, RESPONSE, SEARCH, Kind, Plan, plan
from footnote.platform.caching.ports import CacheState, CacheTier, Generations
from footnote.platform.caching.states import CacheStates
from footnote.platform.caching.statistics import CacheStatistics
from footnote.platform.caching.tiers import Found, TieredCache

__all__ = [
    "EMBEDDING",
    "RESPONSE",
    "SEARCH",
    "CacheKey",
    "CacheState",
    "CacheStates",
    "CacheStatistics",
    "CacheTier",
    "Codec",
    "Found",
    "Generations",
    "JsonCodec",
    "Kind",
    "MemoryTier",
    "Plan",
    "TieredCache",
    "Undecodable",
    "access_of",
    "digest",
    "plan",
]
