"""A document's standing in a search as a page."""

from __future__ import annotations

from footnote.knowledge.standing import Cause, Check, DocumentExplanation, ExplainedChunk
from footnote.platform.pages import (
    Content,
    Markup,
    definitions,
    join,
    page,
    paragraph,
    section,
    table,
    tag,
)


def explanation_page(explanation: DocumentExplanation) -> str:
    """The page: the verdict first, then what it rests on."""
    document, searched = explanation.document, explanation.searched
    is_found = explanation.verdict.cause is Cause.FOUND
    name = document.title if document else str(explanation.document_id)
    return page(
        "Document in a search explained",
        tag("h1", "The document was found" if is_found else "Why the document was not found"),
        tag("blockquote", searched.message, dir="auto"),
        definitions([("Document", name), ("File", document.filename if document else None)]),
        paragraph(explanation.verdict.words, kind="good" if is_found else "bad"),
        _checks(explanation.checks),
        _chunks(explanation),
        _search(explanation),
        _document(explanation),
    )


def _checks(checks: tuple[Check, ...]) -> Markup | None:
    if not checks:
        return None
    rows = [
        (f"{check.kind}: {check.name}", check.value, "yes" if check.chunks else "no", check.chunks)
        for check in checks
    ]
    columns = ("Condition", "Asked for", "Fulfilled", "Passages that fulfil it")
    return section("Filters and operators", table("Conditions of the search", columns, rows))


def _chunks(explanation: DocumentExplanation) -> Markup | None:
    if not explanation.chunks:
        return None
    columns = (
        "Passage", "Words: BM25", "Words: rank", "Meaning: cosine", "Meaning: rank", "Fused rank",
        "Reranked", "Final rank", "Outcome", "Why",
    )  # fmt: skip
    caption = f"The document's best passages, ranked among {explanation.corpus_chunks} of the organization"
    return section(
        "Its passages",
        table(caption, columns, [_row(one) for one in explanation.chunks]),
        *(_text(one) for one in explanation.chunks),
    )


def _row(one: ExplainedChunk) -> tuple[Content, ...]:
    standing, candidate = one.standing, one.candidate
    return (
        standing.ordinal + 1,
        standing.bm25,
        standing.lexical_rank,
        standing.cosine,
        standing.dense_rank,
        candidate.fused_rank if candidate else None,
        candidate.rerank_rank if candidate else None,
        candidate.final_rank if candidate else None,
        candidate.outcome.replace("_", " ") if candidate else "no candidate",
        candidate.reason if candidate else None,
    )


def _text(one: ExplainedChunk) -> Markup:
    standing = one.standing
    place = f", {standing.unit_kind} {standing.unit_from}" if standing.unit_from is not None else ""
    heading = join(
        [f"Passage {standing.ordinal + 1}{place}", *(f" > {part}" for part in standing.heading_path)]
    )
    return tag("article", tag("h3", heading), tag("div", standing.text, class_="text", dir="auto"))


def _search(explanation: DocumentExplanation) -> Markup:
    searched = explanation.searched
    filters = "; ".join(f"{name}: {value}" for name, value in searched.filters.items())
    rows = [(one["aspect"].replace("_", " "), one["value"], one["reason"]) for one in searched.decisions]
    return section(
        "The search",
        definitions(
            [
                ("Searched for", searched.text),
                ("Strategy", searched.strategy),
                ("Left out", searched.degraded),
                ("Filters", filters or "none"),
                ("Looked at by words and by meaning", f"{searched.candidates} passages each"),
                ("Ranked", f"{searched.pool} passages"),
                ("Given", f"{searched.results} passages"),
                ("Corpus version", explanation.corpus_version),
            ]
        ),
        table("Decisions", ("What", "Decided", "Why"), rows),
    )


def _document(explanation: DocumentExplanation) -> Markup | None:
    document = explanation.document
    if document is None:
        return None
    return section(
        "The document",
        definitions(
            [
                ("Identifier", tag("code", str(document.document_id))),
                ("Status", document.status.value),
                ("Stage", document.stage),
                ("Version that is searched", document.active_version),
                ("Passages", document.chunk_count),
                ("Failure", document.failure_reason),
                ("Deleted", f"{document.deleted_at:%Y-%m-%d}" if document.deleted_at else None),
            ]
        ),
    )
