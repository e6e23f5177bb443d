"""How often a caller may call: sliding windows, blocks, and the terms that they follow."""

from footnote.quota.rates.counting import BUCKETS, LocalLimiter, SlidingWindow, bucket_us
from footnote.quota.rates.guard import Rates
from footnote.quota.rates.keeping import KeptTerms
from footnote.quota.rates.models import (
    RATE_CLASSES,
    Allowance,
    Block,
    Caller,
    Counter,
    RateClass,
    RateOverride,
    RateTerms,
    Standing,
    Subject,
    SubjectKind,
    Verdict,
    defaults_of,
)
from footnote.quota.rates.ports import BlockCopies, QuotaSettingsStore, RateLimiter, RateTermsSource

__all__ = [
    "BUCKETS",
    "RATE_CLASSES",
    "Allowance",
    "Block",
    "BlockCopies",
    "Caller",
    "Counter",
    "KeptTerms",
    "LocalLimiter",
    "QuotaSettingsStore",
    "RateClass",
    "RateLimiter",
    "RateOverride",
    "RateTerms",
    "RateTermsSource",
    "Rates",
    "SlidingWindow",
    "Standing",
    "Subject",
    "SubjectKind",
    "Verdict",
    "bucket_us",
    "defaults_of",
]
