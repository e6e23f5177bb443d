"""The peers that Footnote is measured beside: LlamaIndex and LangChain over pgvector, with the same model."""
