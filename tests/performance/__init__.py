"""Scripts that measure Footnote beside its peers; how to run them: docs/benchmarks.md."""
