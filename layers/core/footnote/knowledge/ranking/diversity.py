"""Different passages rather than the same thing again: maximal marginal relevance."""

from __future__ import annotations

from collections.abc import Sequence


def diversified(
    scores: Sequence[float], cosines: Sequence[Sequence[float]], weight: float
) -> list[tuple[int, float]]:
    """Places in the order of maximal marginal relevance (Carbonell and Goldstein 1998), each with its value.

    Each next one has the highest `(1 - weight) * score - weight * max cosine with those before`.

    Args:
        scores: Of the candidates.
        cosines: Of every candidate with every other.
        weight: 0 leaves the order by score, 1 looks at differences alone.
    """
    left = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    chosen: list[tuple[int, float]] = []
    alike = [0.0] * len(scores)
    while left:
        values = {place: (1 - weight) * scores[place] - weight * alike[place] for place in left}
        best = max(left, key=lambda place: (values[place], -place))
        chosen.append((best, values[best]))
        left.remove(best)
        for place in left:
            alike[place] = max(alike[place], cosines[place][best])
    return chosen
