"""LangChain with its community loaders, its recursive splitter and its Postgres vector store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_community.document_loaders import (
    BSHTMLLoader,
    CSVLoader,
    Docx2txtLoader,
    PyPDFLoader,
    TextLoader,
    UnstructuredEmailLoader,
    UnstructuredExcelLoader,
    UnstructuredMarkdownLoader,
    UnstructuredPowerPointLoader,
)
from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document
from langchain_huggingface import HuggingFaceEmbeddings
from langchain_postgres import PGEngine, PGVectorStore
from langchain_postgres.v2.hybrid_search_config import (
    HybridSearchConfig,
    reciprocal_rank_fusion,
    weighted_sum_ranking,
)
from langchain_text_splitters import RecursiveCharacterTextSplitter

from tests.performance.peers.protocol import Database, Indexed, ShortText
from tests.performance.window import Chunk

_DIMENSION = 384
_TABLE = "peer"
_LOADERS: dict[str, Callable[[str], BaseLoader]] = {
    ".pdf": PyPDFLoader,
    ".docx": Docx2txtLoader,
    ".pptx": UnstructuredPowerPointLoader,
    ".xlsx": UnstructuredExcelLoader,
    ".html": BSHTMLLoader,
    ".md": UnstructuredMarkdownLoader,
    ".eml": UnstructuredEmailLoader,
    ".csv": lambda path: CSVLoader(path, autodetect_encoding=True),
    ".txt": lambda path: TextLoader(path, autodetect_encoding=True),
}


class LangChainPeer:
    """Loaders -> `RecursiveCharacterTextSplitter` (1000 characters, 200 shared) -> `PGVectorStore`."""

    packages = ("langchain", "langchain-community", "langchain-postgres", "unstructured")

    def __init__(self, database: Database, model: Path) -> None:
        embedding = HuggingFaceEmbeddings(model_name=str(model), model_kwargs={"device": "cpu"})
        engine = PGEngine.from_connection_string(database.url("psycopg"))
        hybrid = _hybrid(weighted_sum_ranking, 4)
        engine.init_vectorstore_table(_TABLE, _DIMENSION, hybrid_search_config=hybrid)
        self._store = PGVectorStore.create_sync(engine, embedding, _TABLE, hybrid_search_config=hybrid)
        self._store.apply_hybrid_search_index()
        self._splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200)

    def add_file(self, path: Path) -> Indexed:
        documents = _LOADERS[path.suffix.lower()](str(path)).load()
        documents = [document for document in documents if document.page_content.strip()]
        parts = self._splitter.split_documents(documents)
        if parts:
            self._store.add_documents(parts)
        chunks = [Chunk(part.page_content, part.page_content) for part in parts]
        return Indexed(sum(len(document.page_content) for document in documents), chunks)

    def add_texts(self, texts: Sequence[ShortText]) -> int:
        documents = [Document(page_content=row.text, metadata={"id": row.id}) for row in texts]
        chunks = self._splitter.split_documents(documents)
        self._store.add_documents(chunks)
        return len(chunks)

    def searches(self) -> Mapping[str, Callable[[str, int], list[str]]]:
        def dense(query: str, depth: int) -> list[str]:
            return self._search(query, depth, None)

        # A configuration is made for each query: a shared one keeps the text of the first (0.0.19).
        def hybrid(query: str, depth: int) -> list[str]:
            return self._search(query, depth, _hybrid(weighted_sum_ranking, depth))

        def fused(query: str, depth: int) -> list[str]:
            return self._search(query, depth, _hybrid(reciprocal_rank_fusion, 5 * depth))

        return {"dense": dense, "hybrid": hybrid, "rank fusion": fused}

    def _search(self, query: str, depth: int, configuration: HybridSearchConfig | None) -> list[str]:
        found = self._store.similarity_search(query, k=depth, hybrid_search_config=configuration)
        return list(dict.fromkeys(hit.metadata["id"] for hit in found))


def _hybrid(fusion: Callable[..., Sequence[Any]], pool: int) -> HybridSearchConfig:
    return HybridSearchConfig(
        tsv_column="content_tsv",
        tsv_lang="pg_catalog.english",
        fusion_function=fusion,
        primary_top_k=pool,
        secondary_top_k=pool,
    )
