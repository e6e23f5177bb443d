"""Settings chosen on the command line or in a file, checked, as environment variables of functions."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from footnote.platform.settings import Section, Settings
from local.stack import is_tuning


class UnknownSetting(ValueError):
    """A setting does not exist, or cannot be what it is asked to be; the message says which and why."""


def parse_assignments(assignments: Iterable[str]) -> dict[str, str]:
    """Environment variables of `retrieval.fusion=rrf`, ...

    Raises:
        UnknownSetting: The form, the name or the value is wrong.
    """
    variables: dict[str, str] = {}
    for assignment in assignments:
        name, sign, value = assignment.partition("=")
        if not sign:
            raise UnknownSetting(f"'{assignment}' is not of the form section.setting=value.")
        variables |= {_variable(name.strip()): value.strip()}
        _check(name.strip(), value.strip())
    return variables


def read_settings_file(path: Path) -> dict[str, str]:
    """Environment variables of a YAML file of sections, or of `section.setting: value`.

    Raises:
        UnknownSetting: It cannot be read, or a name or value is wrong.
    """
    try:
        data = yaml.safe_load(path.read_text()) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UnknownSetting(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(data, dict):
        raise UnknownSetting(f"{path} holds no settings: sections with settings are expected.")
    return parse_assignments(f"{name}={_text(value)}" for name, value in _flat(data))


def _flat(data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for section, values in data.items():
        if isinstance(values, dict) and "." not in str(section):
            yield from ((f"{section}.{name}", value) for name, value in values.items())
        else:
            yield str(section), values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _variable(name: str) -> str:
    variable = f"APP_{name.upper().replace('.', '__')}"
    section, _, key = name.partition(".")
    model = _section(section)
    if model is None or not is_tuning(variable):
        raise UnknownSetting(f"There is no setting '{name}' to choose.{_near(section, _sections())}")
    if key not in model.model_fields:
        raise UnknownSetting(f"There is no setting '{name}'.{_near(key, model.model_fields)}")
    return variable


def _check(name: str, value: str) -> None:
    section, _, key = name.partition(".")
    model = _section(section)
    assert model is not None
    given: Any = value
    if value[:1] in {"{", "["}:
        try:
            given = json.loads(value)
        except json.JSONDecodeError as error:
            raise UnknownSetting(f"'{name}': {value} is not JSON.") from error
    try:
        model.model_validate({key: given})
    except ValidationError as error:
        raise UnknownSetting(f"'{name}' cannot be '{value}': {error.errors()[0]['msg']}.") from error


def _section(name: str) -> type[Section] | None:
    field = Settings.model_fields.get(name)
    annotation: Any = field.annotation if field else None
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return None


def _sections() -> list[str]:
    return [name for name in Settings.model_fields if _section(name) and is_tuning(f"APP_{name.upper()}__X")]


def _near(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    return f" Did you mean '{near[0]}'?" if near else f" Choose from {', '.join(known)}."
