"""Settings, time, secrets and connections."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.platform.clock import Clock, SystemClock

if TYPE_CHECKING:
    from footnote.platform.settings import Settings
    from footnote.stores.postgres.database import Database
    from footnote.stores.redis.connection import RedisConnection
    from footnote.stores.secrets.extension import SecretReader


class Foundation:
    """What all services stand on.

    Args:
        settings: The process's settings.
        clock: Time; tests set their own.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()
        self.notice: str | None = None  # what is told of every answer of these services

    @cached_property
    def secrets(self) -> SecretReader:
        from footnote.stores.secrets.extension import SecretReader

        return SecretReader(self.settings.secrets)

    @cached_property
    def database(self) -> Database:
        from footnote.stores.postgres.database import Database

        return Database(self.settings.postgres, self.secrets)

    @cached_property
    def redis(self) -> RedisConnection:
        from footnote.stores.redis.connection import RedisConnection

        return RedisConnection(self.settings.redis, self.secrets, self.clock)
