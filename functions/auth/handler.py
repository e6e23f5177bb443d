"""Lambda entry point of `auth`."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.auth.routes import router

app = create_app("auth")
app.include_router(router)
handler = Mangum(app, lifespan="off")
