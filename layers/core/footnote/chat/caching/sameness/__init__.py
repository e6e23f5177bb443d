"""The second check of the semantic cache: do two questions that look alike really ask the same?

Deterministic and free of any model. Both questions are read into what they ask for, their numbers, their
content words and the words that turn a meaning round; every part must agree. What is not understood counts as
a
difference: a miss costs one answer, a false hit costs trust.
"""

from footnote.chat.caching.sameness.comparison import Verdict, compare

__all__ = ["Verdict", "compare"]
