"""Removes the reasoning that some models write before their answer, between `<think>` and `</think>`."""

from __future__ import annotations

OPEN, CLOSE = "<think>", "</think>"


class ReasoningFilter:
    """Passes on a streamed answer without its leading reasoning block.

    Only a block at the very start is reasoning; the same word later is part of the answer.
    """

    def __init__(self) -> None:
        self._held = ""
        self._inside = False
        self._answering = False
        self._started = False

    def feed(self, text: str) -> str:
        """What of the answer is certain after this piece; the rest is held back."""
        if self._answering:
            return self._first(text)
        self._held += text
        if not self._inside:
            start = self._held.lstrip()
            if start.startswith(OPEN):
                self._inside = True
                self._held = start.removeprefix(OPEN)
            elif not OPEN.startswith(start):
                return self._answer(self._held)
        if self._inside and CLOSE in self._held:
            return self._answer(self._held.partition(CLOSE)[2])
        if self._inside:
            self._held = self._held[-(len(CLOSE) - 1) :]  # all that can still matter is half a closing tag
        return ""

    def finish(self) -> str:
        """What was held back and turned out to be answer; call it at the end of the stream."""
        if self._answering or self._inside:
            return ""
        return self._answer(self._held)

    def _answer(self, text: str) -> str:
        self._answering, self._held = True, ""
        return self._first(text)

    def _first(self, text: str) -> str:
        """Drops white space before the first word."""
        if not self._started:
            text = text.lstrip()
            self._started = bool(text)
        return text
