"""Lambda entry point of `billing`: one router a concern."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.billing.plans import router as plans

app = create_app("billing")
app.include_router(plans)
handler = Mangum(app, lifespan="off")
