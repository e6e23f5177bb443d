"""sentence-transformers on torch, for GPU endpoints. Imported only when the settings choose it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer

from footnote.platform.serving.revision import directory_revision
from functions.embedding.backends import Description, Embedded, Kind
from functions.embedding.settings import EmbeddingServerSettings

GPU_BATCH, CPU_BATCH = 64, 8


class SentenceTransformersBackend:
    """Any sentence-transformers model; half precision on a GPU, float32 elsewhere.

    A GPU wants full batches and one caller at a time, so runs are serialised and lanes hand it many texts at
    once. Vectors of one text in different batches agree to rounding, not to the last bit.

    Args:
        settings: The model's directory and name.
    """

    concurrency = 1

    def __init__(self, settings: EmbeddingServerSettings) -> None:
        on_gpu = torch.cuda.is_available()
        self._model = SentenceTransformer(str(settings.model_directory), device="cuda" if on_gpu else "cpu")
        if on_gpu:
            self._model.half()
        self.batch_size = GPU_BATCH if on_gpu else CPU_BATCH
        self.description = _describe(self._model, settings, "fp16" if on_gpu else "fp32")
        self._one_at_a_time = threading.Lock()
        self.embed(["A first run compiles and allocates."], "query")

    def embed(self, texts: Sequence[str], kind: Kind) -> list[Embedded]:
        """The vectors; queries and passages get the prompts that the model was trained with."""
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        with self._one_at_a_time:
            vectors = encode(
                list(texts), batch_size=self.batch_size, normalize_embeddings=True, show_progress_bar=False
            )
        lengths = self._lengths(texts)
        return [
            Embedded(vector.astype("float32"), length)
            for vector, length in zip(vectors, lengths, strict=True)
        ]

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        """Word pieces of each whole text, special ones included."""
        encoded = self._model.tokenizer(list(texts), truncation=False, add_special_tokens=True, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]


def _describe(model: Any, settings: EmbeddingServerSettings, precision: str) -> Description:
    return Description(
        model=settings.model_name,
        revision=directory_revision(f"sentence-transformers {precision}", settings.model_directory),
        dimension=int(model.get_embedding_dimension()),
        window=int(model.max_seq_length),
        precision=precision,
    )
