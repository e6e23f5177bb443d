"""Structured logs through Powertools. Never log headers, tokens, bodies, prompts or document text."""

from __future__ import annotations

import os

from aws_lambda_powertools import Logger


def get_logger(name: str) -> Logger:
    """A JSON logger for one module; `name` becomes the record's `service`."""
    return Logger(service=name, level=os.environ.get("APP_LOG_LEVEL", "INFO"), log_uncaught_exceptions=False)
