"""What is counted, in which unit, and over which period.

The windows themselves are the store's (`quota.calendar` of migration 0014): they follow the clock of the
database, in the organization's time zone, and each begins where the one before ended.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Period = Literal["day", "month", "level"]
"""`level`: no period; what is there now, such as stored bytes."""


class Meter(StrEnum):
    """Everything that is counted. All units are integers.

    `INPUT_TOKENS` are all tokens of a prompt, `CACHED_TOKENS` those of them that the model's server kept.
    `COST` is what the platform pays for the organization (micro-USD), whether it is charged or not.
    """

    MESSAGES = "messages"
    API_CALLS = "api_calls"
    INPUT_TOKENS = "input_tokens"
    CACHED_TOKENS = "cached_tokens"
    OUTPUT_TOKENS = "output_tokens"
    EMBEDDING_TOKENS = "embedding_tokens"
    RERANK_CALLS = "rerank_calls"
    COMPUTE_MS = "compute_ms"
    STORAGE_BYTES = "storage_bytes"
    DOCUMENTS = "documents"
    CONCURRENT_REQUESTS = "concurrent_requests"
    COST = "cost"


PERIODS = MappingProxyType(
    {
        meter: (
            "day"
            if meter is Meter.API_CALLS
            else "level"
            if meter in {Meter.STORAGE_BYTES, Meter.DOCUMENTS, Meter.CONCURRENT_REQUESTS}
            else "month"
        )
        for meter in Meter
    }
)
"""The period of each meter."""

CAPPED = (Meter.MESSAGES, Meter.API_CALLS, Meter.COST)
"""Meters that are counted by member as well, and may be capped for one."""

WARN_AT = (50, 80, 90, 100)
"""Percent of a limit that are told, each once per window and limit."""
