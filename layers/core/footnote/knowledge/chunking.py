"""Cuts a parsed document into passages that fit the embedding model's window, whole sentences first.

The text is first taken apart into atoms (sentences, table rows, lines of code; parts of them only where
one is larger than the window). A chunk is a run of neighbouring atoms. Where the cuts lie is a shortest
path over the atoms: the cost of a chunk grows with its distance from the target size, with headings inside
of it and with a cut in the middle of a paragraph. Pages, slides and sheets are never mixed, but for the
sentence that runs over a page break.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from footnote.knowledge.chunk_atoms import Atom, Atoms
from footnote.knowledge.chunk_prefix import Prefix
from footnote.knowledge.language import passage_language
from footnote.knowledge.models import Block, ChunkDraft, ParsedDocument
from footnote.knowledge.sentences import sentence_spans
from footnote.platform.settings import IngestionSettings

_MAX_CHARACTERS = 2_000  # of one chunk: bounds texts of which the tokenizer makes almost nothing
_CUT_IN_PARAGRAPH = 0.10
_CUT_AFTER_HEADING = 1.5
_HEADING_INSIDE = 0.85
_OUTER_HEADING_INSIDE = 1.2
_OVERSIZE_WEIGHT = 0.5


def chunk(document: ParsedDocument, settings: IngestionSettings) -> list[ChunkDraft]:
    """The chunks of a document, in order, not overlapping.

    Every character of every block that is not white space lies in exactly one chunk, `chunk.text` is
    `document.text[chunk.start:chunk.end]`, and `chunk.token_count` never exceeds `settings.chunk_max_tokens`.

    Args:
        document: What a parser returned.
        settings: `chunk_target_tokens` and `chunk_max_tokens`, in word pieces.
    """
    atoms = Atoms(document, settings.chunk_max_tokens, _MAX_CHARACTERS)
    prefix = Prefix(document, settings.chunk_max_tokens)
    drafts: list[ChunkDraft] = []
    for segment in _segments(atoms.items, document):
        for run in _cut(segment, document, atoms, prefix, settings):
            drafts.append(_draft(len(drafts), run, document, prefix, atoms))
    return drafts


def _segments(atoms: Sequence[Atom], document: ParsedDocument) -> Iterator[list[Atom]]:
    """Runs of atoms of one page, slide or sheet; one glued over a page break belongs to the first."""
    segment: list[Atom] = []
    for atom in atoms:
        if segment and document.blocks[segment[-1].first].unit != document.blocks[atom.first].unit:
            yield segment
            segment = []
        segment.append(atom)
    if segment:
        yield segment


def _cut(
    segment: list[Atom], document: ParsedDocument, atoms: Atoms, prefix: Prefix, settings: IngestionSettings
) -> Iterator[list[Atom]]:
    """Divides a segment at the cheapest places."""
    limit = settings.chunk_max_tokens
    total = atoms.count(segment[0].start, segment[-1].end)
    whole = len(segment) == len(atoms.items)
    if (
        whole
        and total + prefix.title_tokens <= limit
        and segment[-1].end - segment[0].start <= _MAX_CHARACTERS
    ):
        yield segment
        return
    yield from _cheapest(segment, document.blocks, atoms, settings)


def _cheapest(
    segment: list[Atom], blocks: Sequence[Block], atoms: Atoms, settings: IngestionSettings
) -> Iterator[list[Atom]]:
    """Shortest path over the cuts of a segment (as Knuth and Plass break lines)."""
    size = len(segment)
    border = [0.0] * (size + 1)
    inside = [0.0] * size
    for index in range(1, size):
        border[index] = _border_cost(segment[index - 1], segment[index], blocks)
        inside[index] = _inside_cost(segment[index], segment[index - 1], blocks)
    best = [0.0] + [float("inf")] * size
    previous = [0] * (size + 1)
    target, limit = settings.chunk_target_tokens, settings.chunk_max_tokens
    for begin in range(size):
        base = best[begin]
        crossed = 0.0
        tokens = 0
        start = segment[begin].start
        for end in range(begin + 1, size + 1):
            last = segment[end - 1]
            tokens += last.tokens
            if end > begin + 1:
                crossed += inside[end - 1]
                if tokens > limit or last.end - start > _MAX_CHARACTERS or atoms.is_forced(last.start):
                    break
            cost = base + _size_cost(tokens, target, limit) + crossed + border[end]
            if cost < best[end]:
                best[end], previous[end] = cost, begin
    cuts = [size]
    while cuts[-1] > 0:
        cuts.append(previous[cuts[-1]])
    for begin, end in pairwise(reversed(cuts)):
        yield segment[begin:end]


def _size_cost(tokens: int, target: int, limit: int) -> float:
    if tokens <= target:
        return ((target - tokens) / target) ** 2
    return _OVERSIZE_WEIGHT * ((tokens - target) / max(1, limit - target)) ** 2


def _border_cost(before: Atom, after: Atom, blocks: Sequence[Block]) -> float:
    """What a cut between two neighbours costs."""
    if blocks[before.last].kind == "heading":
        return _CUT_AFTER_HEADING
    same_block = before.last == after.first
    return _CUT_IN_PARAGRAPH if same_block else 0.0


def _inside_cost(atom: Atom, before: Atom, blocks: Sequence[Block]) -> float:
    """What it costs to have a heading in the middle of a chunk instead of a cut before it."""
    block = blocks[atom.first]
    if block.kind != "heading" or blocks[before.last].kind == "heading":
        return 0.0
    outer = len(block.heading_path) < len(blocks[before.last].heading_path) - 1
    return _OUTER_HEADING_INSIDE if outer else _HEADING_INSIDE


def _draft(
    ordinal: int, run: list[Atom], document: ParsedDocument, prefix: Prefix, atoms: Atoms
) -> ChunkDraft:
    start, end = run[0].start, run[-1].end
    blocks = document.blocks[run[0].first : run[-1].last + 1]
    text = document.text[start:end]
    tokens = atoms.exact(start, end)
    head, head_tokens = prefix.of(blocks, text, tokens)
    units = [block.unit for block in blocks if block.unit is not None]
    return ChunkDraft(
        ordinal=ordinal,
        start=start,
        end=end,
        text=text,
        embedding_text=head + text,
        token_count=head_tokens + tokens,
        heading_path=prefix.path(blocks),
        unit_from=min(units, default=None),
        unit_to=max(units, default=None),
        unit_label=blocks[0].unit_label,
        language=passage_language(text),
        sentences=tuple(sentence_spans(text)),
    )
