"""Lambda entry point of `evaluations`."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.evaluations.routes import router

app = create_app("evaluations")
app.include_router(router)
handler = Mangum(app, lifespan="off")
