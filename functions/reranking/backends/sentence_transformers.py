"""sentence-transformers on torch, for GPU endpoints. Imported only when the settings choose it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import torch
from sentence_transformers import CrossEncoder

from footnote.platform.serving.revision import directory_revision
from functions.reranking.backends import Description, Pair, Scored, default_window, sigmoid
from functions.reranking.pairs import TOKENIZER, PairTokenizer
from functions.reranking.settings import RerankingServerSettings

GPU_BATCH, CPU_BATCH = 64, 8


class CrossEncoderBackend:
    """Any cross-encoder with one score a pair; half precision on a GPU, float32 elsewhere.

    A GPU wants full batches and one caller at a time, so runs are serialised. Scores of one pair in different
    batches agree to rounding, not to the last bit.

    Args:
        settings: Where the model is.

    Raises:
        ValueError: The model gives several scores a pair.
    """

    concurrency = 1

    def __init__(self, settings: RerankingServerSettings) -> None:
        on_gpu = torch.cuda.is_available()
        directory, precision = settings.model_directory, "fp16" if on_gpu else "fp32"
        window = settings.window or default_window(directory)
        self._model = CrossEncoder(
            str(directory), device="cuda" if on_gpu else "cpu", max_length=window, local_files_only=True
        )
        if self._model.num_labels != 1:
            raise ValueError(
                f"{directory} gives {self._model.num_labels} scores for a pair; a cross-encoder gives one"
            )
        if on_gpu:
            self._model.half()
        self._tokenizer = PairTokenizer(directory / TOKENIZER, window)
        self._window = window
        self.batch_size = GPU_BATCH if on_gpu else CPU_BATCH
        self.description = Description(
            model=settings.model_name or directory.resolve().name,
            revision=directory_revision(f"sentence-transformers {precision} {window}", directory),
            window=window,
        )
        self._one_at_a_time = threading.Lock()
        self.score([Pair("warm up", "A first run compiles and allocates.")])

    def score(self, pairs: Sequence[Pair]) -> list[Scored]:
        seen = [self._tokenizer.visible(pair.query, pair.passage) for pair in pairs]
        with self._one_at_a_time:
            logits = self._model.predict(
                [(query, passage) for query, passage, _ in seen],
                batch_size=self.batch_size,
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
            )
        return [
            Scored(sigmoid(float(logit)), tokens, tokens > self._window)
            for logit, (_, _, tokens) in zip(logits, seen, strict=True)
        ]
