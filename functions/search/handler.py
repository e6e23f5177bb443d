"""Lambda entry point of `search`."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.search.routes import router

app = create_app("search")
app.include_router(router)
handler = Mangum(app, lifespan="off")
