"""What the measuring process asks of a peer's process, and what comes back; both as JSON files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from tests.performance.window import Chunk

Outcome = Literal["read", "empty", "failed"]


@dataclass(frozen=True)
class ShortText:
    """One row of a corpus."""

    id: str
    text: str


@dataclass(frozen=True)
class Database:
    """An empty database with the extension `vector`."""

    host: str
    port: int
    name: str
    user: str
    password: str

    def url(self, driver: str) -> str:
        """As SQLAlchemy spells it, for a driver like `psycopg`."""
        return f"postgresql+{driver}://{self.user}:{self.password}@{self.host}:{self.port}/{self.name}"


@dataclass(frozen=True)
class Task:
    """What a peer shall do, in this order.

    Attributes:
        peer: `llamaindex` or `langchain`.
        model: Folder of the embedding model.
        files: Documents to load, split, embed and insert, one after the other.
        texts: Short texts to embed and insert in one go.
        queries: Questions to search for, with every kind of search the peer has, one client.
        depth: Results per search.
    """

    peer: str
    database: Database
    model: str
    files: tuple[str, ...] = ()
    texts: tuple[ShortText, ...] = ()
    queries: tuple[str, ...] = ()
    depth: int = 10

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Task:
        raw: dict[str, Any] = json.loads(path.read_text())
        return cls(
            peer=raw["peer"],
            database=Database(**raw["database"]),
            model=raw["model"],
            files=tuple(raw["files"]),
            texts=tuple(ShortText(**row) for row in raw["texts"]),
            queries=tuple(raw["queries"]),
            depth=raw["depth"],
        )


@dataclass(frozen=True)
class FileResult:
    """What became of one document."""

    name: str
    outcome: Outcome
    characters: int = 0
    chunks: int = 0
    reason: str = ""


@dataclass(frozen=True)
class SearchResult:
    """One kind of search over all queries: seconds and document ids (best first) of each."""

    seconds: list[float]
    rankings: list[list[str]]


@dataclass(frozen=True)
class Report:
    """What a peer did.

    Attributes:
        versions: Of the packages that matter.
        files_s, texts_s: Seconds of work; loading libraries and model is not in them.
        embedded_share: Of the indexed characters, those inside the model's window.
        peak_memory_bytes: Most resident memory of the process (the database is another one).
    """

    versions: dict[str, str]
    files: list[FileResult] = field(default_factory=list)
    files_s: float = 0.0
    embedded_share: float = 1.0
    text_chunks: int = 0
    texts_s: float = 0.0
    searches: dict[str, SearchResult] = field(default_factory=dict)
    peak_memory_bytes: int = 0

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Report:
        raw: dict[str, Any] = json.loads(path.read_text())
        raw["files"] = [FileResult(**row) for row in raw["files"]]
        raw["searches"] = {name: SearchResult(**row) for name, row in raw["searches"].items()}
        return cls(**raw)


@dataclass(frozen=True)
class Indexed:
    """A document in the index: characters that the reader gave, and the chunks cut from them."""

    characters: int
    chunks: list[Chunk]


class Peer(Protocol):
    """A library as an ordinary user sets it up: its default readers, splitter and stores."""

    packages: Sequence[str]
    """Distributions whose versions are reported."""

    def add_file(self, path: Path) -> Indexed:
        """Loads, splits, embeds and inserts a document. Anything that the library raises is its result."""

    def add_texts(self, texts: Sequence[ShortText]) -> int:
        """Splits, embeds and inserts short texts; returns the number of chunks."""

    def searches(self) -> Mapping[str, Callable[[str, int], list[str]]]:
        """Each kind of search: takes a question and a depth, returns ids of short texts, best first."""
