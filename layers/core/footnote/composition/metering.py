"""What may be used and what it costs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.events import Events

if TYPE_CHECKING:
    from footnote.billing import Charges
    from footnote.quota import Admission
    from footnote.quota.controls import QuotaControls
    from footnote.quota.rates import KeptTerms, Rates
    from footnote.stores.postgres.prices import PostgresPrices
    from footnote.stores.postgres.quota import PostgresQuotaStore
    from footnote.stores.postgres.quota_settings import PostgresQuotaSettings
    from footnote.stores.redis.rates import RedisRateLimiter


class Metering(Events):
    """Services of quota and billing."""

    @cached_property
    def quota_store(self) -> PostgresQuotaStore:
        from footnote.stores.postgres.quota import PostgresQuotaStore

        return PostgresQuotaStore(self.database, self.settings.quota.default_plan)

    @cached_property
    def prices(self) -> PostgresPrices:
        """What models cost the platform."""
        from footnote.stores.postgres.prices import PostgresPrices

        return PostgresPrices(self.database, self.clock, self.settings.billing.prices_keep_s)

    @cached_property
    def admission(self) -> Admission:
        from footnote.quota import Admission

        return Admission(self.quota_store, self.clock)

    @cached_property
    def charges(self) -> Charges:
        """Opens charges of requests."""
        from footnote.billing import Charges

        return Charges(self.admission, self.prices)

    @cached_property
    def quota_settings(self) -> PostgresQuotaSettings:
        from footnote.stores.postgres.quota_settings import PostgresQuotaSettings

        return PostgresQuotaSettings(self.database, self.settings.quota.default_plan)

    @cached_property
    def rate_limiter(self) -> RedisRateLimiter:
        from footnote.stores.redis.rates import RedisRateLimiter

        return RedisRateLimiter(self.redis)

    @cached_property
    def rate_terms(self) -> KeptTerms:
        from footnote.quota.rates import KeptTerms

        return KeptTerms(self.quota_settings, self.clock, keep_s=self.settings.rates.terms_keep_s)

    @cached_property
    def rates(self) -> Rates:
        """Rate limits of callers."""
        from footnote.quota.rates import LocalLimiter, Rates

        local = LocalLimiter(self.clock)
        return Rates(self.settings.rates, self.rate_limiter, local, self.rate_terms, self.clock)

    @cached_property
    def quota_controls(self) -> QuotaControls:
        """What members see of their quota, and what managers set."""
        from footnote.quota.controls import QuotaControls
        from footnote.quota.rates import defaults_of

        return QuotaControls(
            self.quota_store,
            self.quota_settings,
            self.rates,
            self.rate_terms,
            self.rate_limiter,
            defaults_of(self.settings.rates),
            self.clock,
        )
