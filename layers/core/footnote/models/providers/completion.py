"""One streamed chat completion, read from bytes: text, usage, and how it ended."""

from __future__ import annotations

import json

from footnote.models.ports import GenerationDelta, Usage
from footnote.models.prompts import NO_ANSWER
from footnote.models.providers.sse import EventDecoder, MalformedStream
from footnote.models.reasoning import ReasoningFilter

CHARACTERS_PER_TOKEN = 4
DONE = "[DONE]"


class BrokenCompletion(Exception):
    """The server's answer is malformed, incomplete, empty, or reports an error; never holds its text."""


class Completion:
    """Reads the chunks of OpenAI's `chat/completions` stream, cut anywhere.

    Attributes:
        text: The answer so far, without the model's reasoning.
        done: The server said that nothing follows.
    """

    def __init__(self) -> None:
        self.text = ""
        self.done = False
        self._events = EventDecoder()
        self._reasoning = ReasoningFilter()
        self._finish_reason = ""
        self._usage: Usage | None = None
        self._written = 0  # characters, those of the reasoning as well

    def feed(self, piece: bytes) -> str:
        """Takes the next bytes and returns the text they add to the answer.

        Raises:
            BrokenCompletion: They are malformed or report an error.
        """
        try:
            added = "".join(self._reasoning.feed(self._event(data)) for data in self._events.feed(piece))
        except MalformedStream as error:
            raise BrokenCompletion(str(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BrokenCompletion(f"malformed chunk: {type(error).__name__}") from error
        self.text += added
        return added

    def finish(self, model: str, prompt_bytes: int) -> GenerationDelta:
        """The last delta, with whatever text was still held back.

        Args:
            model: Name of the model.
            prompt_bytes: Size of the request, for servers that do not count tokens.

        Raises:
            BrokenCompletion: The answer was cut off, or there is none.
        """
        rest = self._reasoning.finish()
        self.text += rest
        if not self._finish_reason:
            raise BrokenCompletion("the stream ended early")
        if not self.text:
            raise BrokenCompletion(f"an empty answer ({self._finish_reason})")
        return GenerationDelta(
            text=rest,
            finished=True,
            abstained=self.text.strip() == NO_ANSWER,
            usage=self.usage(prompt_bytes),
            model=model,
            finish_reason=self._finish_reason,
        )

    def usage(self, prompt_bytes: int) -> Usage:
        """Tokens so far: as the server counted them, or an estimate where it has not, or not yet."""
        return self._usage or _estimate(prompt_bytes, self._written)

    def _event(self, data: str) -> str:
        """The text of one event."""
        if self.done or data.strip() == DONE:
            self.done = True
            return ""
        chunk = json.loads(data)
        if chunk.get("error"):
            raise BrokenCompletion("an error within the stream")
        if usage := chunk.get("usage"):
            details = usage.get("prompt_tokens_details") or {}
            cached = int(details.get("cached_tokens") or 0)
            self._usage = Usage(int(usage["prompt_tokens"]), int(usage["completion_tokens"]), cached)
        if not chunk.get("choices"):
            return ""
        choice = chunk["choices"][0]
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        text = (choice.get("delta") or {}).get("content") or ""
        self._written += len(text)
        return text


def _estimate(prompt_bytes: int, characters: int) -> Usage:
    """Tokens of a server that does not count them: about four characters each, none only where none are."""
    return Usage(max(1, prompt_bytes // CHARACTERS_PER_TOKEN), -(-characters // CHARACTERS_PER_TOKEN))
