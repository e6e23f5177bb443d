"""Lambda entry point of `health`."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.health.routes import router

app = create_app("health")
app.include_router(router)
handler = Mangum(app, lifespan="off")
