"""How values are written as text, and read again."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Generic, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

Value = TypeVar("Value")
_Read = TypeVar("_Read")


class Undecodable(ValueError):
    """The text is not what this codec writes."""


class Codec(Protocol[Value]):
    """Writes and reads values of one type."""

    def encode(self, value: Value) -> str:
        """The value as text."""
        ...

    def decode(self, text: str) -> Value:
        """The value again.

        Raises:
            Undecodable: The text is damaged or was written by other code.
        """
        ...


class JsonCodec(Generic[_Read]):
    """JSON of a dataclass with everything inside of it, checked when it is read.

    Args:
        type_: The dataclass.
    """

    def __init__(self, type_: type[_Read]) -> None:
        self._type = type_

    @cached_property
    def _adapter(self) -> TypeAdapter[_Read]:
        return TypeAdapter(self._type)

    @cached_property
    def fingerprint(self) -> str:
        """Changes with the shape of the type; as a part of a key it keeps out what other code has written."""
        schema = json.dumps(self._adapter.json_schema(), sort_keys=True)
        return hashlib.sha256(schema.encode()).hexdigest()[:16]

    def encode(self, value: _Read) -> str:
        return self._adapter.dump_json(value).decode()

    def decode(self, text: str) -> _Read:
        try:
            return self._adapter.validate_json(text)
        except ValidationError as error:
            raise Undecodable(f"not a {self._type.__name__}") from error
