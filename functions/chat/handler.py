"""The web application of `chat`; `run.sh` serves it behind the Lambda Web Adapter."""

from __future__ import annotations

from footnote.platform.http import create_app
from functions.chat.routes import conversations, questions

app = create_app("chat")
app.include_router(questions)
app.include_router(conversations)


@app.get("/chat/live", include_in_schema=False)
async def live() -> dict[str, str]:
    """Tells the adapter that the server is up; API Gateway does not route here."""
    return {"status": "ok"}
