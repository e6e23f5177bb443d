"""The one composition root: settings -> ports filled with adapters.

Everything is lazy: a driver is imported when the first request needs it, so that a function pays only for
what it uses. One container lives as long as the process.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from footnote.platform.clock import Clock, SystemClock
from footnote.platform.settings import Settings, load_settings

if TYPE_CHECKING:
    from footnote.stores.postgres.database import Database
    from footnote.stores.secrets.extension import SecretReader


class Container:
    """All services of one process.

    Args:
        settings: The process's settings.
        clock: Time; tests set their own.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock: Clock = clock or SystemClock()

    @cached_property
    def secrets(self) -> SecretReader:
        from footnote.stores.secrets.extension import SecretReader

        return SecretReader(self.settings.secrets)

    @cached_property
    def database(self) -> Database:
        from footnote.stores.postgres.database import Database

        return Database(self.settings.postgres, self.secrets)


@lru_cache(maxsize=1)
def container() -> Container:
    """The process's container."""
    return Container(load_settings())
