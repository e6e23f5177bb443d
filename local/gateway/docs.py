"""`GET /openapi.json` and the Swagger page at `/docs`, without any file from elsewhere."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from importlib.resources import files
from pathlib import Path

from local.http.asgi import Send, respond

_ASSETS = {
    "swagger-ui.css": b"text/css; charset=utf-8",
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
}
_PAGE = b"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Footnote API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#page", persistAuthorization: true, tryItOutEnabled: true,
  validatorUrl: null,
});
</script>
</body>
</html>
"""

logger = logging.getLogger("footnote.local.gateway")


class Documentation:
    """The API's own description, built from the functions' applications.

    It is built in a process of its own, since that imports every function, and again when one has changed.

    Args:
        repository: The checkout whose functions are described.
        api_url: Where the API is reached.
    """

    def __init__(self, repository: Path, api_url: str) -> None:
        self._repository = repository
        self._api_url = api_url
        self._assets = files("fastapi_offline") / "static"  # Swagger UI 5, which reads OpenAPI 3.1
        self._document = b""
        self._built_from = 0.0
        self._building = asyncio.Lock()

    async def serve(self, path: str, send: Send) -> int | None:
        """Answers a GET and returns the status; None where the path is not one of the documentation."""
        if path == "/openapi.json":
            return await self._serve_document(send)
        if path in ("/docs", "/docs/"):
            await respond(send, 200, [(b"content-type", b"text/html; charset=utf-8")], _PAGE)
            return 200
        name = path.removeprefix("/docs/")
        if name not in _ASSETS:
            return None
        content = await asyncio.to_thread((self._assets / name).read_bytes)
        headers = [(b"content-type", _ASSETS[name]), (b"cache-control", b"max-age=3600")]
        await respond(send, 200, headers, content)
        return 200

    async def _serve_document(self, send: Send) -> int:
        async with self._building:
            changed = await asyncio.to_thread(self._newest_source)
            if not self._document or changed > self._built_from:
                self._document = await self._build()
                self._built_from = changed
        status = 200 if self._document else 500
        await respond(send, status, [(b"content-type", b"application/json")], self._document or b"{}")
        return status

    def _newest_source(self) -> float:
        sources = [
            *self._repository.glob("functions/*/*.py"),
            *self._repository.glob("functions/*/function.toml"),
        ]
        return max((source.stat().st_mtime for source in sources), default=0.0)

    async def _build(self) -> bytes:
        paths = [self._repository / "layers" / "core", self._repository]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "local.openapi", "--server", self._api_url,
            "--functions", str(self._repository / "functions"),
            cwd=self._repository,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        document, errors = await process.communicate()
        if process.returncode != 0:
            logger.error("the OpenAPI document cannot be built:\n%s", errors.decode(errors="replace"))
            return b""
        return document
