"""Streams of bytes become the same answer wherever they are cut."""

import json

from hypothesis import assume, given
from hypothesis import strategies as st

from footnote.models.providers.completion import Completion
from footnote.models.providers.sse import EventDecoder
from footnote.models.reasoning import ReasoningFilter

ENDS = st.sampled_from(["\n", "\r\n", "\r"])
CUTS = st.lists(st.integers(1, 9), min_size=1)


def cut(data, sizes):
    position = 0
    while position < len(data):
        for size in sizes:
            yield data[position : position + size]
            position += size


@given(texts=st.lists(st.text(max_size=12)), end=ENDS, sizes=CUTS)
def test_events_survive_any_cut(texts, end, sizes):
    texts = [text.replace("\r", "").replace("\n", "") for text in texts]
    stream = "".join(f": comment{end}data: {text}{end}id: 1{end}{end}" for text in texts).encode()
    decoder = EventDecoder()
    got = [data for piece in cut(stream + end.encode(), sizes) for data in decoder.feed(piece)]
    got += list(decoder.feed(b"\n"))
    assert got == texts


def test_several_data_lines_are_one_event():
    assert list(EventDecoder().feed(b"data: a\ndata:b\ndata\n\n")) == ["a\nb\n"]


def test_an_event_without_data_is_none():
    assert list(EventDecoder().feed(b"event: ping\n\n\n\ndata: a\n\n")) == ["a"]


@given(texts=st.lists(st.text(min_size=1), min_size=1), sizes=CUTS, ascii_only=st.booleans())
def test_text_arrives_whole(texts, sizes, ascii_only):
    chunks = [{"choices": [{"delta": {"content": text}}]} for text in texts]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    stream = "".join(f"data: {json.dumps(chunk, ensure_ascii=ascii_only)}\n\n" for chunk in chunks)
    completion = Completion()
    fed = "".join(
        completion.feed(piece)
        for piece in cut(stream.encode(errors="surrogatepass") + b"data: [DONE]\n\n", sizes)
    )
    expected = "".join(texts).lstrip()
    assume(expected and not expected.startswith("<think>"))
    last = completion.finish("m", 100)
    assert fed + last.text == completion.text == expected
    assert completion.done


@given(
    before=st.sampled_from(["", "\n", "  "]),
    thought=st.text().filter(lambda text: "</think>" not in text),
    answer=st.text(),
    sizes=CUTS,
)
def test_reasoning_is_removed_wherever_it_is_cut(before, thought, answer, sizes):
    reasoning = ReasoningFilter()
    text = f"{before}<think>{thought}</think>{answer}"
    assert "".join(map(reasoning.feed, cut(text, sizes))) + reasoning.finish() == answer.lstrip()


@given(text=st.text().filter(lambda text: not text.lstrip().startswith("<think>")), sizes=CUTS)
def test_an_answer_without_reasoning_is_untouched(text, sizes):
    reasoning = ReasoningFilter()
    assert "".join(map(reasoning.feed, cut(text, sizes))) + reasoning.finish() == text.lstrip()


def test_the_word_within_an_answer_stays():
    reasoning = ReasoningFilter()
    assert reasoning.feed("Use <think>this</think> tag.") == "Use <think>this</think> tag."


def test_reasoning_without_an_end_is_no_answer():
    reasoning = ReasoningFilter()
    assert reasoning.feed("<think>on and on") + reasoning.finish() == ""
