"""Lambda entry point of `quota`."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.quota.routes import router

app = create_app("quota")
app.include_router(router)
handler = Mangum(app, lifespan="off")
