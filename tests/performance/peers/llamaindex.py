"""LlamaIndex with its readers, its sentence splitter and its pgvector store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from llama_index.core import Document, SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.retrievers import BaseRetriever, QueryFusionRetriever
from llama_index.core.retrievers.fusion_retriever import FUSION_MODES
from llama_index.core.schema import MetadataMode, NodeWithScore, TextNode
from llama_index.core.vector_stores.types import VectorStoreQueryMode
from llama_index.embeddings.huggingface import HuggingFaceEmbedding
from llama_index.vector_stores.postgres import PGVectorStore

from tests.performance.peers.protocol import Database, Indexed, ShortText
from tests.performance.window import Chunk

_DIMENSION = 384
_POOL = 50


class LlamaIndexPeer:
    """`SimpleDirectoryReader` -> `SentenceSplitter` (1024 tokens, 200 shared) -> `PGVectorStore`."""

    packages = ("llama-index-core", "llama-index-readers-file", "llama-index-vector-stores-postgres")

    def __init__(self, database: Database, model: Path) -> None:
        store = PGVectorStore.from_params(
            connection_string=database.url("psycopg2"),
            async_connection_string=database.url("asyncpg"),
            table_name="peer",
            embed_dim=_DIMENSION,
            hybrid_search=True,
        )
        embedding = HuggingFaceEmbedding(model_name=str(model), device="cpu")
        self._index = VectorStoreIndex.from_vector_store(store, embed_model=embedding)
        self._splitter = SentenceSplitter()

    def add_file(self, path: Path) -> Indexed:
        documents = SimpleDirectoryReader(input_files=[path], raise_on_error=True).load_data()
        documents = [document for document in documents if document.text.strip()]
        nodes = self._splitter.get_nodes_from_documents(documents)
        self._index.insert_nodes(nodes)
        chunks = [Chunk(_text(node), node.get_content(MetadataMode.EMBED)) for node in nodes]
        return Indexed(sum(len(document.text) for document in documents), chunks)

    def add_texts(self, texts: Sequence[ShortText]) -> int:
        documents = [Document(id_=row.id, text=row.text) for row in texts]
        nodes = self._splitter.get_nodes_from_documents(documents)
        self._index.insert_nodes(nodes)
        return len(nodes)

    def searches(self) -> Mapping[str, Callable[[str, int], list[str]]]:
        def dense(query: str, depth: int) -> list[str]:
            return _ids(self._retriever(VectorStoreQueryMode.DEFAULT, depth), query)

        def hybrid(query: str, depth: int) -> list[str]:
            return _ids(self._retriever(VectorStoreQueryMode.HYBRID, depth), query)

        def fused(query: str, depth: int) -> list[str]:
            halves = [
                self._retriever(mode, _POOL)
                for mode in (VectorStoreQueryMode.DEFAULT, VectorStoreQueryMode.SPARSE)
            ]
            retriever = QueryFusionRetriever(
                halves,
                llm=MockLLM(),
                mode=FUSION_MODES.RECIPROCAL_RANK,
                similarity_top_k=depth,
                num_queries=1,
                use_async=False,
            )
            return _ids(retriever, query)

        return {"dense": dense, "hybrid": hybrid, "rank fusion": fused}

    def _retriever(self, mode: VectorStoreQueryMode, depth: int) -> BaseRetriever:
        return self._index.as_retriever(
            vector_store_query_mode=mode, similarity_top_k=depth, sparse_top_k=depth
        )


def _ids(retriever: BaseRetriever, query: str) -> list[str]:
    found: list[NodeWithScore] = retriever.retrieve(query)
    return list(dict.fromkeys(hit.node.ref_doc_id or "" for hit in found))


def _text(node: object) -> str:
    if not isinstance(node, TextNode):
        raise TypeError(f"expected a text node, got {type(node).__name__}")
    return node.text
