"""Settings of the reranking container, from the environment (`RERANKING_...`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from footnote.platform.serving.settings import ModelServerSettings


class RerankingServerSettings(ModelServerSettings):
    """What the container can be told.

    `model_directory` holds a cross-encoder in the Hugging Face layout; `onnx` needs its graph and its
    `tokenizer.json`. `max_texts` counts passages, `max_characters` holds for the query as well.

    Attributes:
        model_name: Name of the model in answers; the name of its folder when empty.
        graph: The graph in the model directory, for `onnx`; `model.onnx` or `onnx/model.onnx` when empty.
        window: Word pieces of a pair; as many as the model has positions for, at most 512, when not set.
    """

    model_config = SettingsConfigDict(env_prefix="RERANKING_")

    model_name: str = ""
    graph: str = ""
    window: int | None = Field(default=None, ge=16)
    max_waiting: int = Field(default=2_048, ge=1)
