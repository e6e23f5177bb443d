"""Lambda entry point of `documents`."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.documents.routes import router

app = create_app("documents")
app.include_router(router)
handler = Mangum(app, lifespan="off")
