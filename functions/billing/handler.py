"""Lambda entry point of `billing`: one router a concern."""

from __future__ import annotations

from mangum import Mangum

from footnote.platform.http import create_app
from functions.billing.budgets import router as budgets
from functions.billing.costs import router as costs
from functions.billing.invoices import router as invoices
from functions.billing.plans import router as plans
from functions.billing.subscription import router as subscription
from functions.billing.usage import router as usage
from functions.billing.webhook_endpoints import router as webhook_endpoints
from functions.billing.webhooks import router as webhooks

app = create_app("billing")
app.include_router(budgets)
app.include_router(costs)
app.include_router(plans)
app.include_router(subscription)
app.include_router(usage)
app.include_router(invoices)
app.include_router(webhook_endpoints)
app.include_router(webhooks)
handler = Mangum(app, lifespan="off")
