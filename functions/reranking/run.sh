#!/bin/sh
# Starts the container's server; SageMaker calls it as `serve`. SIGTERM ends it after the running requests.
exec python -m uvicorn functions.reranking.handler:app \
    --host "${RERANKING_HOST:-127.0.0.1}" --port "${SAGEMAKER_BIND_TO_PORT:-8080}" \
    --lifespan on --no-access-log --log-level warning --timeout-keep-alive 75 --timeout-graceful-shutdown 20
