"""Entry point of the embedding container: `uvicorn functions.embedding.handler:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from functions.embedding.backends import load_backend
from functions.embedding.routes import ROUTES
from functions.embedding.service import EmbeddingService
from functions.embedding.settings import EmbeddingServerSettings


def create_app(settings: EmbeddingServerSettings | None = None) -> Starlette:
    """The container's application; the model is loaded when it starts, before the port opens.

    Args:
        settings: Read from the environment at start-up when not given.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.settings = settings or EmbeddingServerSettings()
        app.state.service = EmbeddingService(load_backend(app.state.settings), app.state.settings)
        yield
        app.state.service.close()

    return Starlette(routes=ROUTES, lifespan=lifespan)


app = create_app()
