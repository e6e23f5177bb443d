"""What every model container can be told; each container adds its own prefix and fields."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ModelServerSettings(BaseSettings):
    """Settings from the environment; defaults are SageMaker's.

    Attributes:
        model_directory: Where the model's files are. SageMaker unpacks model artifacts here.
        backend: `onnx` on CPUs, `sentence_transformers` on GPUs.
        workers: Runs at the same time; as many as there are cores when not set.
        max_texts: Texts of one request.
        max_characters: Characters of one text.
        max_body_bytes: Bytes of one request; SageMaker's own limit is 6 MB.
        max_waiting: Texts that may wait for a worker before requests are turned away.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    model_directory: Path = Path("/opt/ml/model")
    backend: Literal["onnx", "sentence_transformers"] = "onnx"
    workers: int | None = Field(default=None, ge=1)
    max_texts: int = Field(default=256, ge=1)
    max_characters: int = Field(default=32_768, ge=1)
    max_body_bytes: int = Field(default=6 * 1024 * 1024, ge=1024)
    max_waiting: int = Field(default=8_192, ge=1)

    def cores(self) -> int:
        """`workers`, or the cores this process may use."""
        if self.workers is not None:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
