"""Lambda entry point of `accounts`."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.accounts.routes import router

app = create_app("accounts")
app.include_router(router)
handler = Mangum(app, lifespan="off")
