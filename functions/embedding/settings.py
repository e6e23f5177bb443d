"""Settings of the embedding container, from the environment (`EMBEDDING_...`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from footnote.platform.serving.settings import ModelServerSettings


class EmbeddingServerSettings(ModelServerSettings):
    """What the container can be told.

    `model_directory` is one made by `functions.embedding.build`, or for `sentence_transformers` a model in
    the Hugging Face layout.

    Attributes:
        model_name: Hub name of the model, for `sentence_transformers`; a built model knows its own.
        passage_niceness: How far passages step back for queries and other processes (0: not, 19: wholly).
        max_spans: Spans of all texts of one request: SageMaker's limit of 6 MB holds for answers as well.
    """

    model_config = SettingsConfigDict(env_prefix="EMBEDDING_")

    model_name: str = "sentence-transformers/all-MiniLM-L6-v2"
    passage_niceness: int = Field(default=5, ge=0, le=19)
    max_spans: int = Field(default=2_048, ge=1)
