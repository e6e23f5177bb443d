"""What requests may hold: every body of every function, and each of its fields."""

import importlib
import typing
from datetime import UTC, date, datetime
from pathlib import Path
from types import UnionType

import pytest
from fastapi.routing import iter_route_contexts
from pydantic import AwareDatetime, BaseModel, Strict, TypeAdapter, ValidationError

from footnote.platform.fields import Day, Figure, Flag, Line, Moment, Whole, check_storable
from footnote.platform.http import RequestModel
from footnote.platform.manifest import load_manifests

ROOT = Path(__file__).resolve().parents[3]
SERVED = [one.name for one in load_manifests(ROOT / "functions") if one.kind in ("api", "stream")]


class Nested(RequestModel):
    text: str


class Body(RequestModel):
    text: str = ""
    texts: list[str] | None = None
    anything: dict[str, typing.Any] | None = None
    number: Figure = 0.0
    nested: list[Nested] | None = None


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        ({"text": "a\x00b"}, ("text",)),
        ({"text": "\ud800"}, ("text",)),
        ({"texts": ["good", "\x00"]}, ("texts",)),
        ({"anything": {"a": [{"b": "\udc00"}]}}, ("anything",)),
        ({"anything": {"\x00": 1}}, ("anything",)),
        ({"nested": [{"text": "good"}, {"text": "\x00"}]}, ("nested", 1, "text")),
    ],
)
def test_text_that_no_store_can_keep_is_refused_wherever_it_is(sent, field):
    with pytest.raises(ValidationError) as caught:
        Body.model_validate(sent)
    (problem,) = caught.value.errors()
    assert problem["loc"] == field
    assert "NUL" in problem["msg"] or "surrogate" in problem["msg"]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_have_are_refused_wherever_they_are(number):
    """Python reads them (`NaN`, `1e999`); no store keeps them."""
    for sent in ({"number": number}, {"anything": {"a": [number]}}):
        with pytest.raises(ValidationError, match="finite"):
            Body.model_validate(sent)


def test_other_text_is_let_through():
    text = "\u202e😀 a\r\n\t\x1b\uffff é e\u0301"
    assert Body(text=text, anything={text: [text, None, 1.5]}).text == text


def test_a_value_of_any_depth_is_looked_through():
    deep = "\x00"
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(ValueError, match="NUL"):
        check_storable(deep)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Flag, [True, False], [0, 1, "true", "no", None]),
        (Whole, [0, -5, 2**53, 5.0], [True, "5", 5.5, "", None]),
        (Figure, [0, 1, 0.5], [True, "0.5", "", None]),
        (Line, [" a "], ["", "  ", "a\nb", "a\x00", 5]),
        (
            Day,
            ["2026-11-25", date(2026, 1, 1)],
            [0, 1.5, "0", "1700000000", "2026-11", "2026-02-30", True, None],
        ),
        (
            Moment,
            ["2026-11-25T10:00:00Z", "2026-11-25T10:00:00.5+05:30", datetime(2026, 1, 1, tzinfo=UTC)],
            [0, 1.7e9, "1700000000", "2026-11-25T10:00:00", "2026-11-25", True, None],
        ),
    ],
)
def test_values_are_taken_at_their_word(kind, good, bad):
    adapter = TypeAdapter(kind)
    for value in good:
        adapter.validate_python(value)
    for value in bad:
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def bodies():
    """All models of bodies that functions take, with those that they are made of."""
    found = {}
    for name in SERVED:
        app = importlib.import_module(f"functions.{name}.handler").app
        for route in iter_route_contexts(app.routes):
            if getattr(route, "body_field", None) is not None:
                waiting = [route.body_field.field_info.annotation]
                while waiting:
                    for model, _ in parts(waiting.pop(), ()):
                        if isinstance(model, type) and issubclass(model, BaseModel) and model not in found:
                            found[model] = name
                            waiting += [field.annotation for field in model.model_fields.values()]
    return found


def parts(annotation, metadata):
    """The types that an annotation is made of, each with its own metadata."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *own = typing.get_args(annotation)
        yield from parts(inner, (*metadata, *own))
    elif origin in (typing.Union, UnionType, list, dict, tuple, typing.Literal):
        if origin is not typing.Literal:
            for one in typing.get_args(annotation):
                # What is said of a union holds for its members, what is said of a list does not.
                yield from parts(one, metadata if origin in (typing.Union, UnionType) else ())
    else:
        yield annotation, metadata


@pytest.mark.parametrize("model", bodies(), ids=lambda model: model.__name__)
def test_every_body_is_strict(model):
    """No body is without the checks of `RequestModel`, and no field guesses at numbers, flags or times."""
    assert issubclass(model, RequestModel)
    for name, field in model.model_fields.items():
        kinds = list(parts(field.annotation, tuple(field.metadata)))
        is_choice = len([kind for kind, _ in kinds if kind is not type(None)]) > 1
        for kind, metadata in kinds:
            if is_choice and kind in (bool, int, float):
                continue  # the most exact one is taken: pydantic's smart mode
            if kind in (bool, int, float):
                assert any(isinstance(one, Strict) for one in metadata), f"{name}: use Flag, Whole or Figure"
            if kind in (date, datetime, AwareDatetime):
                assert any("written" in repr(one) for one in metadata), f"{name}: use Day or Moment"


def test_the_walk_finds_bodies_and_their_parts():
    names = {model.__name__ for model in bodies()}
    assert names >= {
        "ChatRequest",
        "FilterRequest",
        "TurnRequest",
        "BudgetRequest",
        "CapsRequest",
        "GateRequest",
    }
    assert len(names) >= 22
