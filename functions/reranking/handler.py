"""Entry point of the reranking container: `uvicorn functions.reranking.handler:app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette

from functions.reranking.backends import load_backend
from functions.reranking.routes import ROUTES
from functions.reranking.service import RerankingService
from functions.reranking.settings import RerankingServerSettings


def create_app(settings: RerankingServerSettings | None = None) -> Starlette:
    """The container's application; the model is loaded when it starts, before the port opens.

    Args:
        settings: Read from the environment at start-up when not given.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.settings = settings or RerankingServerSettings()
        app.state.service = RerankingService(load_backend(app.state.settings), app.state.settings)
        yield
        app.state.service.close()

    return Starlette(routes=ROUTES, lifespan=lifespan)


app = create_app()
