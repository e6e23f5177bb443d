"""The one composition root: settings -> ports filled with adapters.

Everything is lazy: a driver is imported when the first request needs it, so that a function pays only for
what it uses. One container lives as long as the process. Each module adds the services of one concern to
those that they are made of.
"""

from __future__ import annotations

from functools import lru_cache

from footnote.composition.evaluation import Evaluation
from footnote.platform.settings import load_settings

__all__ = ["Container", "container"]


class Container(Evaluation):
    """All services of one process.

    Args:
        settings: The process's settings.
        clock: Time; tests set their own.
    """


@lru_cache(maxsize=1)
def container() -> Container:
    """The process's container."""
    return Container(load_settings())
