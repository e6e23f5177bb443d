"""The inside of a Word paragraph: runs, fields, revisions, formulas, and what is anchored in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from footnote.knowledge.parsing.docx_styles import is_on
from footnote.knowledge.parsing.omml import linear
from footnote.knowledge.parsing.opc import alternate
from footnote.knowledge.parsing.xml import attribute, local

_DELETED = frozenset({"del", "moveFrom", "delText", "instrText", "delInstrText"})
_SPACES = {"tab": "\t", "br": " ", "cr": " ", "noBreakHyphen": "-", "softHyphen": "", "ptab": "\t"}
_REFERENCES = {
    "footnoteReference": "footnote",
    "endnoteReference": "endnote",
    "commentReference": "comment",
}
# Signs that Word stores as codes of its symbol fonts.
_SYMBOLS = {
    "F0B7": "•",
    "F0A7": "▪",
    "F0FC": "✓",
    "F0E0": "→",
    "F0D8": "➢",
    "F061": "α",
    "F062": "β",
    "F06D": "μ",
}
_DESCRIBED_WORDS = 3


@dataclass(slots=True)
class Inline:
    """What one paragraph holds.

    Attributes:
        text: Its own text.
        boxes: Contents of text boxes anchored in it.
        pictures: Descriptions of pictures.
        charts, diagrams: Relationship ids.
        references: Notes and comments it refers to: kind and id.
        hidden: Characters marked as hidden, left out.
        bold: Whether all of the text is bold.
    """

    text: str = ""
    boxes: list[Any] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    diagrams: list[str] = field(default_factory=list)
    references: list[tuple[str, str]] = field(default_factory=list)
    hidden: int = 0
    bold: bool = False


class InlineReader:
    """Reads paragraphs."""

    def __init__(self) -> None:
        self._bold = False
        self._plain = False

    def read(self, paragraph: Any) -> Inline:
        """The paragraph's text and what is anchored in it."""
        inline = Inline()
        parts: list[str] = []
        self._plain = self._bold = False
        self._walk(paragraph, parts, inline)
        inline.bold = self._bold and not self._plain
        inline.text = "".join(parts)
        return inline

    def _walk(self, element: Any, parts: list[str], inline: Inline) -> None:
        for child in element:
            name = local(child)
            if name in _DELETED or name == "pPr":
                continue
            if name == "r":
                self._run(child, parts, inline)
            elif name in ("oMath", "oMathPara"):
                parts.append(linear(child))
            elif not self._anchored(child, name, parts, inline):
                self._walk(child, parts, inline)

    def _run(self, run: Any, parts: list[str], inline: Inline) -> None:
        properties = next((child for child in run if local(child) == "rPr"), None)
        if properties is not None and is_on(properties, "vanish"):
            inline.hidden += sum(len(child.text or "") for child in run if local(child) == "t")
            return
        bold = properties is not None and is_on(properties, "b")
        for child in run:
            name = local(child)
            if name == "t":
                parts.append(child.text or "")
                self._note_weight(child.text or "", bold=bold)
            elif name in _SPACES:
                parts.append(_SPACES[name])
            elif name == "sym":
                parts.append(_SYMBOLS.get((attribute(child, "char") or "").upper(), " "))
            elif name == "ruby":
                parts.extend(_ruby_base(child))
            else:
                self._anchored(child, name, parts, inline)

    def _anchored(self, element: Any, name: str, parts: list[str], inline: Inline) -> bool:
        """Notes referred to and drawings; whether the element was one."""
        if name in _REFERENCES:
            inline.references.append((_REFERENCES[name], attribute(element, "id") or ""))
        elif name in ("drawing", "pict", "object"):
            self._drawing(element, inline)
        elif name == "AlternateContent":
            branch = alternate(element)
            if branch is not None:
                self._walk(branch, parts, inline)
        else:
            return False
        return True

    def _note_weight(self, text: str, *, bold: bool) -> None:
        if text.strip():
            self._bold, self._plain = self._bold or bold, self._plain or not bold

    def _drawing(self, drawing: Any, inline: Inline) -> None:
        """Text boxes, charts and descriptions; boxes within boxes are read with the outer one."""
        for element in drawing.iter("{*}txbxContent"):
            if not any(local(parent) == "txbxContent" for parent in element.iterancestors()):
                inline.boxes.append(element)
        for element in drawing.iter("{*}chart", "{*}relIds"):
            if local(element) == "chart":
                inline.charts.append(attribute(element, "id") or "")
            else:
                inline.diagrams.append(attribute(element, "dm") or "")
        for element in drawing.iter("{*}docPr"):
            description = (element.get("descr") or "").strip()
            if len(description.split()) >= _DESCRIBED_WORDS:
                inline.pictures.append(description)


def _ruby_base(ruby: Any) -> list[str]:
    """The base text of annotated (East Asian) characters; the reading above them is not repeated."""
    return [text.text or "" for base in ruby if local(base) == "rubyBase" for text in base.iter("{*}t")]
