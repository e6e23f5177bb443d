"""The reranking endpoint: a model container with SageMaker's contract (`GET /ping`, `POST /invocations`)."""
