"""Settings of the embedding container, from the environment (`EMBEDDING_...`); defaults are SageMaker's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class EmbeddingServerSettings(BaseSettings):
    """What the container can be told.

    Attributes:
        model_directory: A directory made by `functions.embedding.build`, or for `sentence_transformers` a
            model in the Hugging Face layout. SageMaker unpacks model artifacts here.
        model_name: Hub name of the model, for `sentence_transformers`; a built model knows its own.
        backend: `onnx` on CPUs, `sentence_transformers` on GPUs.
        workers: Runs at the same time; as many as there are cores when not set.
        passage_niceness: How far passages step back for queries and other processes (0: not, 19: wholly).
        max_texts: Texts of one request.
        max_characters: Characters of one text.
        max_body_bytes: Bytes of one request; SageMaker's own limit is 6 MB.
        max_waiting: Texts that may wait for a worker before requests are turned away.
    """

    model_config = SettingsConfigDict(
        env_prefix="EMBEDDING_", extra="forbid", frozen=True, protected_namespaces=()
    )

    model_directory: Path = Path("/opt/ml/model")
    model_name: str = "sentence-transformers/all-MiniLM-L6-v2"
    backend: Literal["onnx", "sentence_transformers"] = "onnx"
    workers: int | None = Field(default=None, ge=1)
    passage_niceness: int = Field(default=5, ge=0, le=19)
    max_texts: int = Field(default=256, ge=1)
    max_characters: int = Field(default=32_768, ge=1)
    max_body_bytes: int = Field(default=6 * 1024 * 1024, ge=1024)
    max_waiting: int = Field(default=8_192, ge=1)

    def cores(self) -> int:
        """`workers`, or the cores this process may use."""
        if self.workers is not None:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
