"""Every citation of every answer to a sample of squad2 holds what it claims."""

import json
import re
from pathlib import Path

import pytest

from footnote.chat import ChatQuestion
from footnote.chat.extractive import shown_text
from footnote.knowledge import Block, ParsedDocument
from footnote.knowledge.chunking import chunk
from footnote.platform.settings import IngestionSettings, RetrievalSettings
from footnote.stores.postgres.ingestion import PostgresIngestionStore
from tests.support.corpus import Indexed, activate

SQUAD = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "evaluation" / "squad2"
PARAGRAPHS_PER_DOCUMENT = 6
QUESTIONS = 60
# Cut into small chunks, so that neighbours are joined and answers cross chunks.
SMALL = IngestionSettings(chunk_target_tokens=60, chunk_max_tokens=90)

pytestmark = pytest.mark.skipif(not SQUAD.exists(), reason="the evaluation data is not here")


def documents():
    """Articles as documents of several paragraphs, and questions about them."""
    texts = {}
    for row in map(json.loads, (SQUAD / "corpus.jsonl").read_text().splitlines()):
        texts.setdefault(row["title"], []).append(" ".join(row["text"].split()))
    chosen = sorted(texts)[::4]
    paragraphs = {title: texts[title][:PARAGRAPHS_PER_DOCUMENT] for title in chosen}
    questions = [
        row["text"]
        for row in map(json.loads, (SQUAD / "queries.jsonl").read_text().splitlines())
        if row["article"].replace("_", " ") in paragraphs
        and int(row["about"].rpartition("-")[2]) < 2 * PARAGRAPHS_PER_DOCUMENT
    ]
    return {title: "\n\n".join(found) for title, found in paragraphs.items()}, questions[:QUESTIONS]


def parsed(title, text):
    blocks = [Block(found.start(), found.end(), "paragraph") for found in re.finditer(r"[^\n]+", text)]
    return ParsedDocument(text, tuple(blocks), title, language="en")


async def test_every_span_of_every_answer_is_what_stands_in_the_document(
    make_chat, context, database, embedder
):
    texts, questions = documents()
    assert len(questions) == QUESTIONS
    store = PostgresIngestionStore(database, IngestionSettings(), RetrievalSettings())
    by_id = {}
    for title, text in texts.items():
        drafts = chunk(parsed(title, text), SMALL)
        vectors = await embedder.embed_passages_with_sentences(
            [draft.embedding_text for draft in drafts], [draft.embedded_sentences for draft in drafts]
        )
        indexed = Indexed(title, text, "en", drafts, vectors)
        by_id[await activate(store, await embedder.model(), context, indexed)] = text
    chat = make_chat()
    answered = cited = 0
    for question in questions:
        answer = await chat.orchestrator.answer(context, ChatQuestion(question))
        answered += not answer.metadata.abstained
        shown = {int(number) for number in re.findall(r"\[(\d+)\]", answer.text)}
        assert shown == {source.number for source in answer.sources}
        for source in answer.sources:
            for piece in source.evidence:
                cited += 1
                assert by_id[source.document_id][piece.start : piece.end] == piece.text
                assert shown_text(piece.text) in answer.text
                assert " ".join(piece.text.split()) in source.excerpt
        claims = [one for one in answer.metadata.grounding.sentences if one.verdict != "exempt"]
        assert all(one.verdict == "supported" for one in claims)
        assert answer.metadata.abstained or claims
    assert answered > QUESTIONS / 2
    assert cited >= answered
