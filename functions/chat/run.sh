#!/bin/sh
# Start command behind the Lambda Web Adapter. One process: an environment serves one request at a time.
exec python -m uvicorn functions.chat.handler:app \
    --host 127.0.0.1 --port "${AWS_LWA_PORT:-${PORT:-8080}}" \
    --lifespan off --no-access-log --log-level warning --timeout-keep-alive 75 --timeout-graceful-shutdown 20
