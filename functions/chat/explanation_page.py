"""An explained answer as a page."""

from __future__ import annotations

import re
from typing import Any

from footnote.chat.explain import ExplainedPassage, Explanation, Search
from footnote.platform.pages import (
    Content,
    Markup,
    bars,
    definitions,
    join,
    link,
    marked,
    page,
    paragraph,
    section,
    table,
    tag,
)

_CITATION = re.compile(r"\[(\d{1,3})\]")
_STAGES = {
    "history": "Reading the conversation",
    "cache": "Looking into the cache",
    "understand": "Making the question stand alone",
    "search": "Searching",
    "context": "Packing the context",
    "write": "Writing and checking",
}
_SEARCH_STAGES = {
    "cache": "Taken from the cache",
    "embed": "Embedding the query",
    "search": "Finding candidates",
    "passages": "Reading their texts",
    "evidence": "Reading what ranking looks at",
    "rank": "Ranking",
    "join": "Joining neighbours",
}


def explanation_page(explanation: Explanation) -> str:
    """The page: everything that `Explanation` holds, in the order in which it happened."""
    parts: list[Content] = [
        tag("h1", "How this answer came about"),
        tag("blockquote", explanation.question, dir="auto"),
        tag("div", _with_links(explanation), class_="text", dir="auto"),
        _integrity(explanation),
        definitions(_facts(explanation)),
    ]
    if explanation.search is not None:
        parts += [_understanding(explanation.search), _search(explanation.search)]
    parts += [
        _timings(explanation),
        _context(explanation),
        _sentences(explanation),
        _candidates(explanation),
        _documents(explanation),
        _machinery(explanation),
    ]
    return page("Answer explained", *parts)


def _with_links(explanation: Explanation) -> Markup:
    """The answer; its citations lead to the passages below."""
    numbers = {passage.number for passage in explanation.passages}
    pieces: list[Content] = []
    done = 0
    for match in _CITATION.finditer(explanation.answer):
        if int(match[1]) in numbers:
            pieces += [explanation.answer[done : match.start()], link(match[0], f"#passage-{int(match[1])}")]
            done = match.end()
    return join([*pieces, explanation.answer[done:]])


def _integrity(explanation: Explanation) -> Markup:
    if explanation.integrity.verified:
        return paragraph("The record is unchanged since it was written.", kind="good")
    return paragraph(*explanation.integrity.problems, kind="bad")


def _facts(explanation: Explanation) -> list[tuple[str, Content]]:
    told = explanation.metadata
    cached = explanation.cache["answer"]
    return [
        ("Answered", f"{explanation.recorded_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("Written by", told["model_used"]),
        ("Confidence", f"{told['confidence']:.2f}"),
        ("Outcome", _outcome(told)),
        ("Grounding", _grounding(told)),
        ("From the cache", _cache_path(cached) if cached else "no"),
        ("Documents as of corpus version", str(explanation.corpus_version)),
        ("Degraded", told["degraded"]),
        ("Cost", _cost(told)),
    ]


def _outcome(told: dict[str, Any]) -> str:
    if told["interrupted"]:
        return "interrupted: the reader left before the end"
    if told["abstained"]:
        return "abstained: the documents do not hold the answer"
    return "answered in part" if told.get("answered") == "partial" else "answered"


def _grounding(told: dict[str, Any]) -> str | None:
    grounding = told.get("grounding")
    if not grounding:
        return None
    judged = {name: grounding[name] for name in ("supported", "partial", "unsupported", "dropped")}
    counts = ", ".join(f"{count} {_words(name)}" for name, count in judged.items() if count)
    return f"sentences: {counts}" if counts else "no sentence claims anything"


def _cost(told: dict[str, Any]) -> str | None:
    cost = told.get("cost")
    return f"{cost['total_micro_usd'] / 1_000_000:.6f} USD" if cost else None


def _cache_path(cached: dict[str, Any]) -> str:
    way = "the same question" if cached["way"] == "exact" else "a question that asks the same"
    similarity = "" if cached["way"] == "exact" else f" (similarity {cached['similarity']:.3f})"
    return f"found by {way}{similarity}, {cached['age_s']:.0f} s old, in {cached['tier']}"


def _understanding(search: Search) -> Markup:
    understood = search.understood
    if understood is None:
        words = "The ranking below is that of the answer which was repeated." if search.repeated else (
            "What search understood of the question was not recorded."
        )  # fmt: skip
        return section("What was understood", paragraph(words, kind="note"))
    expansions = [f"{one['term']}: {', '.join(one['added'])}" for one in understood["expansions"]]
    entities = [f"{one['text']} ({one['kind']})" for one in understood["entities"]]
    return section(
        "What was understood",
        definitions(
            [
                ("Type", understood["type"]),
                ("Language", understood["language"]),
                ("Depth", f"{understood['depth']} passages"),
                ("Entities", "; ".join(entities)),
                ("Also searched for", "; ".join(expansions)),
            ]
        ),
        table(
            "Decisions",
            ("What", "Decided", "Why"),
            [(_words(one["aspect"]), one["value"], one["reason"]) for one in understood["decisions"]],
        ),
    )


def _search(search: Search) -> Markup:
    by = {"rules": "reworded by rules", "model": "reworded by the language model"}.get(
        search.rewritten_by or "", "the message as it was written"
    )
    filters = "; ".join(f"{name}: {value}" for name, value in search.filters.items())
    return section(
        "What was searched for",
        tag("blockquote", search.text, dir="auto"),
        definitions(
            [
                ("Wording", by),
                ("Depends on the conversation", "yes" if search.depends else "no"),
                ("Because", search.reason),
                ("Taken from the conversation", ", ".join(search.referents)),
                ("Strategy", search.strategy),
                ("Filters", filters or "none"),
                ("Left out", search.degraded),
            ]
        ),
    )


def _timings(explanation: Explanation) -> Markup:
    total = explanation.timings_ms["total"]
    shown = _named(explanation.timings_ms, _STAGES)
    shown["Everything else"] = max(0.0, total - sum(shown.values()))
    within = _named(explanation.search.timings_ms, _SEARCH_STAGES) if explanation.search else {}
    return section(
        "Where the time went",
        bars("Milliseconds by stage", {**shown, "The whole": total}, unit="ms", total=total),
        bars("Within the search", within, unit="ms", total=total) if within else None,
    )


def _named(timings_ms: dict[str, float], names: dict[str, str]) -> dict[str, float]:
    """In the order of `names`, those without a name last."""
    ordered = dict.fromkeys((*names, *timings_ms))
    found = [name for name in ordered if name in timings_ms and name != "total"]
    return {names.get(name, _words(name)): timings_ms[name] for name in found}


def _context(explanation: Explanation) -> Markup:
    if not explanation.passages:
        words = "No passage was given to the writer."
        return section("What the answer could rest on", paragraph(words, kind="note"))
    first: set[int] = set()
    articles = []
    for passage in explanation.passages:
        articles.append(_article(passage, is_first=passage.number not in first))
        first.add(passage.number)
    order = ", ".join(f"[{number}]" for number in explanation.order)
    told = paragraph(f"In the order in which they were given to the writer: {order}.", kind="note")
    return section("What the answer could rest on", told, *articles)


def _article(passage: ExplainedPassage, *, is_first: bool) -> Markup:
    heading = join(
        [f"[{passage.number}] ", passage.title, f", {passage.location}" if passage.location else ""]
    )
    kind = "good" if passage.validity in {"valid", "moved"} else "bad"
    supplied = passage.supplied if passage.supplied < passage.end - passage.start else None
    return tag(
        "article",
        tag("h3", heading),
        paragraph(passage.note, kind=kind),
        _text(passage),
        definitions(
            [
                ("Version", passage.version),
                ("Characters", f"{passage.start}–{passage.end}"),
                ("Supplied only", f"the first {supplied} characters" if supplied is not None else None),
                ("Cited", _spans(passage)),
                ("SHA-256", tag("code", passage.sha256[:16], "…")),
            ]
        ),
        id=f"passage-{passage.number}" if is_first else None,
    )


def _text(passage: ExplainedPassage) -> Markup:
    """The passage with what is cited marked; where it is gone, the quotations that are kept."""
    if passage.text is not None:
        spans = [(one.start - passage.start, one.end - passage.start) for one in passage.cited]
        return tag("div", marked(passage.text, spans), class_="text", dir="auto")
    return join(tag("blockquote", tag("mark", one.text), dir="auto") for one in passage.cited)


def _spans(passage: ExplainedPassage) -> str:
    return ", ".join(f"{one.start}–{one.end}" for one in passage.cited) or "not cited"


def _sentences(explanation: Explanation) -> Markup | None:
    if not explanation.sentences:
        return None
    rows = [
        (one.verdict, one.support, f"[{one.number}]" if one.number is not None else None, one.text)
        for one in explanation.sentences
    ]
    columns = ("Verdict", "Support", "Best passage", "Sentence")
    return section("How each sentence is supported", table("Sentences of the answer", columns, rows))


def _setting(value: Any) -> str | None:
    if isinstance(value, bool):
        return "on" if value else "off"
    return None if value is None else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")


def _candidates(explanation: Explanation) -> Markup:
    search = explanation.search
    if search is None or not explanation.candidates:
        words = "No ranking was recorded for this answer."
        return section("Every candidate", paragraph(words, kind="note"))
    shown = len(explanation.candidates)
    columns = (
        "Final", "Document", "Chunk", "Outcome", "Why", "Context", "Cited", "BM25", "Words", "Cosine",
        "Meaning", "Fused", "Fused rank", "Reranked", "Rerank rank", "Final score", "Signals",
    )  # fmt: skip
    rows = [
        (
            one.final_rank,
            f"{one.title} (version {one.version})",
            one.ordinal + 1,
            _words(one.outcome),
            one.reason,
            f"[{one.context_number}]" if one.context_number is not None else "no",
            "yes" if one.is_cited else "no",
            one.bm25,
            one.lexical_rank,
            one.cosine,
            one.dense_rank,
            one.fused_score,
            one.fused_rank,
            one.rerank_score,
            one.rerank_rank,
            one.final_score,
            ", ".join(f"{name} {value:+.3f}" for name, value in one.signals.items()) or None,
        )
        for one in explanation.candidates
    ]
    caption = (
        f"{shown} of {search.total} candidates by final rank; ranks by words and by meaning count from 1"
    )
    return section("Every candidate", table(caption, columns, rows))


def _documents(explanation: Explanation) -> Markup | None:
    if not explanation.documents:
        return None
    rows = [(one.title, one.filename, one.version, one.note) for one in explanation.documents]
    columns = ("Document", "File", "Version read", "Since then")
    unplaced = [tag("blockquote", tag("mark", one.text), dir="auto") for one in explanation.unplaced]
    return section("The documents", table("Documents that were read", columns, rows), *unplaced)


def _machinery(explanation: Explanation) -> Markup:
    models, search = explanation.models, explanation.search
    embedding = models["embedding"]
    return section(
        "Models and settings",
        definitions(
            [
                ("Embedding model", embedding["name"] if embedding else "none"),
                ("Its revision", tag("code", embedding["revision"]) if embedding else None),
                ("Reranker", models["reranker"] or "none"),
                ("Generation model", models["generation"]["used"]),
                ("Asked first", models["generation"]["planned"]),
                ("Prompt version", models["prompt_version"] or "no prompt"),
                (
                    "Passages from",
                    f"the search cache ({explanation.cache['search']})"
                    if explanation.cache["search"]
                    else "search",
                ),
                ("Settings", tag("code", explanation.settings_digest or "not recorded")),
                ("Record", tag("code", f"{explanation.integrity.algorithm}:{explanation.integrity.digest}")),
            ]
        ),
        *(paragraph(f"{one['stage']}: {one['reason']}", kind="bad") for one in explanation.fallbacks),
        table(
            "Settings of the search",
            ("Setting", "Value"),
            [(_words(name), _setting(value)) for name, value in search.settings.items()],
        )
        if search and search.settings
        else None,
    )
