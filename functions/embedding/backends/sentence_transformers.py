"""sentence-transformers on torch, for GPU endpoints. Imported only when the settings choose it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from footnote.platform.serving.revision import directory_revision
from functions.embedding.backends import Description, Embedded, Item, Kind
from functions.embedding.pooling import pool_spans
from functions.embedding.settings import EmbeddingServerSettings

GPU_BATCH, CPU_BATCH = 64, 8
# The prompts that the library puts before a text, where the model names one of them.
PROMPTS: dict[Kind, tuple[str, ...]] = {"query": ("query",), "passage": ("document", "passage", "corpus")}


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
        self.embed([Item("A first run compiles and allocates.")], "query")

    def embed(self, items: Sequence[Item], kind: Kind) -> list[Embedded]:
        """The vectors; queries and passages get the prompts that the model was trained with."""
        texts = [item.text for item in items]
        lengths = self._lengths(texts)
        if not any(item.spans for item in items):
            vectors = self._encode(texts, kind, normalize_embeddings=True)
            return [
                Embedded(vector.astype("float32"), length)
                for vector, length in zip(vectors, lengths, strict=True)
            ]
        outputs = self._encode(texts, kind, output_value=None)
        prompt = self._prompt(kind)
        return [
            self._with_spans(item, prompt, output, length)
            for item, output, length in zip(items, outputs, lengths, strict=True)
        ]

    def _encode(self, texts: list[str], kind: Kind, **how: Any) -> Any:
        encode = self._model.encode_query if kind == "query" else self._model.encode_document
        with self._one_at_a_time:
            return encode(texts, batch_size=self.batch_size, show_progress_bar=False, **how)

    def _prompt(self, kind: Kind) -> str:
        prompts = self._model.prompts
        return next((prompts[name] for name in PROMPTS[kind] if name in prompts), None) or ""

    def _with_spans(self, item: Item, prompt: str, output: Any, length: int) -> Embedded:
        """Pools the states of one text's pieces; those of padding are masked."""
        vector = output["sentence_embedding"].float().cpu().numpy()
        vector /= np.linalg.norm(vector)
        states = output["token_embeddings"][output["attention_mask"].bool()].float().cpu().numpy()
        encoded = self._model.tokenizer(
            prompt + item.text,
            truncation=True,
            max_length=self.description.window,
            return_offsets_mapping=True,
        )
        # Pieces of the prompt come to lie before the text, where no span is.
        offsets = np.asarray(encoded["offset_mapping"], dtype=np.int64) - len(prompt)
        return Embedded(vector, length, pool_spans(states, offsets, item.spans, vector))

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
