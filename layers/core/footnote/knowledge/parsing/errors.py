"""Why a document could not be read: stable codes for programs, one sentence for people.

Every parser ends in a `ParsedDocument` or in one of these. `quarantine` tells a file that simply cannot be
read (failed) from one that behaves like an attack or brought its parser down (kept away, not retried).
"""

from __future__ import annotations

from typing import ClassVar


class Unreadable(Exception):
    """Base of all reasons for which a document gives no text.

    Args:
        reason: One or two sentences that name the problem and, where there is one, the way out.
        detail: For operators: exception type and place, never text of the document.

    Attributes:
        code: Stable identifier of the kind of problem.
        quarantine: Whether the file is to be kept away instead of merely marked as failed.
    """

    code: ClassVar[str] = "unreadable"
    quarantine: ClassVar[bool] = False

    def __init__(self, reason: str, *, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class Encrypted(Unreadable):
    """A password is needed."""

    code = "encrypted"


class Scanned(Unreadable):
    """Only pictures of text: there is no text layer."""

    code = "scanned"


class Broken(Unreadable):
    """Damaged, truncated or not built as its format demands."""

    code = "broken"


class Empty(Unreadable):
    """Read without trouble, but there is no text in it."""

    code = "empty"


class Oversized(Unreadable):
    """More bytes, pages or characters than a document may have."""

    code = "oversized"


class ArchiveBomb(Oversized):
    """An archive built to exhaust its reader: too many entries, too much or too dense content."""

    code = "archive_bomb"
    quarantine = True


class UnsafeArchive(Unreadable):
    """An archive with entries that lead outside of it, or with further archives inside."""

    code = "unsafe_archive"
    quarantine = True


class UnsafeXml(Unreadable):
    """XML that declares its own entities, as entity-expansion attacks do."""

    code = "unsafe_xml"
    quarantine = True


class Mistyped(Unreadable):
    """The content is not what the file name's ending says."""

    code = "mistyped"


class Unsupported(Unreadable):
    """A format that is not read."""

    code = "unsupported"


class TimedOut(Unreadable):
    """The parser did not finish in time."""

    code = "timeout"
    quarantine = True


class OutOfMemory(Unreadable):
    """The parser needed more memory than it may have."""

    code = "out_of_memory"
    quarantine = True


class OutputTooLarge(Oversized):
    """The parser produced more than it may return."""

    code = "output_too_large"
    quarantine = True


class Crashed(Unreadable):
    """The parser process died."""

    code = "crashed"
    quarantine = True


_KINDS: tuple[type[Unreadable], ...] = (
    Encrypted, Scanned, Broken, Empty, Oversized, ArchiveBomb, UnsafeArchive, UnsafeXml, Mistyped,
    Unsupported, TimedOut, OutOfMemory, OutputTooLarge, Crashed,
)  # fmt: skip
KINDS: dict[str, type[Unreadable]] = {kind.code: kind for kind in _KINDS}


def from_code(code: str, reason: str, detail: str = "") -> Unreadable:
    """The error of a code; an unknown code (of a worker gone wild) is `Broken`."""
    return KINDS.get(code, Broken)(reason, detail=detail)


class ParserUnavailable(RuntimeError):
    """The parsers cannot be started or lack a module: a defect of the deployment, not of the file."""
