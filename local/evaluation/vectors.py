"""Cosines of texts, by the models server of a running stack."""

from __future__ import annotations

from collections.abc import Sequence

import httpx

from local import control
from local.ports import LOOPBACK

_BATCH = 32
_TIMEOUT_S = 60.0

Vector = list[float]


class Vectors:
    """Vectors of texts from the embedding model.

    Args:
        port: Of the models server on the loopback address.
    """

    def __init__(self, port: int) -> None:
        self._url = f"http://{LOOPBACK}:{port}/invocations"

    @classmethod
    def of_stack(cls, state: control.StackState) -> Vectors:
        """Those of a running stack.

        Raises:
            NotRunning: It is not there any more.
        """
        return cls(control.ask(state, "status")["engines"]["models"]["port"])

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Unit vectors, in order.

        Raises:
            httpx.HTTPError: The server does not answer, or refuses.
        """
        vectors: list[Vector] = []
        with httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client:
            for start in range(0, len(texts), _BATCH):
                batch = list(texts[start : start + _BATCH])
                body = {"inputs": batch, "kind": "query", "encoding": "json"}
                response = client.post(self._url, json=body)
                response.raise_for_status()
                vectors += response.json()["vectors"]
        return vectors
