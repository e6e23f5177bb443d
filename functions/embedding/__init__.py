"""The embedding endpoint: a model container with SageMaker's contract (`GET /ping`, `POST /invocations`)."""
