"""Open Packaging: the parts of an Office file and the relationships between them."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

from footnote.knowledge.parsing.archive import Archive
from footnote.knowledge.parsing.errors import Broken
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.source import Source
from footnote.knowledge.parsing.xml import attribute, local, parse_xml

_MEANINGLESS_TITLES = (
    "word document",
    "powerpoint presentation",
    "powerpoint-präsentation",
    "présentation powerpoint",
    "presentación de powerpoint",
    "presentazione standard di powerpoint",
    "slide 1",
    "untitled",
    "title",
    "document",
)


@dataclass(frozen=True, slots=True)
class Relationship:
    """A pointer from one part to another.

    Attributes:
        kind: Last segment of the relationship's type, such as `footnotes`.
        target: Name of the other part, or an address outside if `external`.
    """

    id: str
    kind: str
    target: str
    external: bool


class Package(Archive):
    """An Office file."""

    def __init__(self, source: Source) -> None:
        super().__init__(source.data, source.limits)
        self._relationships: dict[str, list[Relationship]] = {}

    def xml(self, part: str) -> Any:
        """Root element of a part; errors as in `parse_xml`."""
        return parse_xml(self.read(part), part)

    def optional(self, part: str | None) -> Any | None:
        """Root element of a part that the document can do without."""
        if part is None or not self.has(part):
            return None
        try:
            return self.xml(part)
        except Broken:
            return None

    def main_part(self, fallback: str) -> str:
        """Name of the part that holds the document itself."""
        for relation in self.related(""):
            if relation.kind == "officeDocument" and self.has(relation.target):
                return relation.target
        if self.has(fallback):
            return fallback
        raise Broken(f"The file is damaged: its part “{fallback}” is missing.")

    def related(self, part: str) -> list[Relationship]:
        """Relationships of a part, in the order of the file; of the package for an empty name."""
        if part not in self._relationships:
            self._relationships[part] = self._read_relationships(part)
        return self._relationships[part]

    def targets(self, part: str, kind: str) -> list[str]:
        """Names of the existing parts that a part points to by one kind of relationship."""
        found = [r.target for r in self.related(part) if r.kind == kind and not r.external]
        return [target for target in found if self.has(target)]

    def target(self, part: str, identifier: str | None) -> str | None:
        """Name of the part behind a relationship's id."""
        for relation in self.related(part):
            if relation.id == identifier and not relation.external and self.has(relation.target):
                return relation.target
        return None

    def title(self) -> str:
        """The title in the document's properties, unless the program made it up."""
        for part in self.targets("", "core-properties"):
            root = self.optional(part)
            for element in root if root is not None else ():
                if local(element) == "title" and element.text:
                    title = one_line(clean(element.text)[0])
                    return "" if _is_meaningless(title) else title
        return ""

    def _read_relationships(self, part: str) -> list[Relationship]:
        folder, name = posixpath.split(part)
        root = self.optional(posixpath.join(folder, "_rels", f"{name}.rels"))
        if root is None:
            return []
        found = []
        for element in root:
            target = attribute(element, "Target") or ""
            external = attribute(element, "TargetMode") == "External"
            kind = (attribute(element, "Type") or "").rpartition("/")[2]
            if not external:
                target = posixpath.normpath(posixpath.join("/", folder, target.replace("\\", "/"))).lstrip(
                    "/"
                )
            found.append(Relationship(attribute(element, "Id") or "", kind, target, external))
        return found


def _is_meaningless(title: str) -> bool:
    lowered = title.lower()
    made = lowered.startswith("microsoft word - ") or lowered.endswith(
        (".doc", ".docx", ".dot", ".ppt", ".xls")
    )
    return made or lowered in _MEANINGLESS_TITLES or len(title) < 3


def alternate(element: Any) -> Any | None:
    """The one branch of an `mc:AlternateContent` that is to be read."""
    fallback = None
    for branch in element:
        if local(branch) == "Choice" and len(branch):
            return branch
        if local(branch) == "Fallback":
            fallback = branch
    return fallback
