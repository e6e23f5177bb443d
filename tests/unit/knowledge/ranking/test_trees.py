"""Evaluation of trees: against walking each row down by hand, and the model that is shipped."""

import hashlib
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.knowledge.ranking.features import FEATURES
from footnote.knowledge.ranking.trees import RANKER, Ensemble, Tree, load_ensemble

TREE = Tree(feature=(0, 1), threshold=(0.5, 2.0), left=(1, ~0), right=(~2, ~1), leaf=(1.0, 2.0, 4.0))
LEAF = Tree(feature=(), threshold=(), left=(), right=(), leaf=(0.25,))


def walk(tree, row):
    node = 0 if tree.feature else ~0
    while node >= 0:
        node = tree.left[node] if row[tree.feature[node]] <= tree.threshold[node] else tree.right[node]
    return tree.leaf[~node]


def test_rows_at_the_threshold_go_left():
    ensemble = Ensemble("v", ("a", "b"), (TREE, LEAF))
    assert ensemble.predict({"a": [0.5, 0.5, 0.51], "b": [2.0, 2.1, 0.0]}) == [1.25, 2.25, 4.25]
    assert ensemble.predict({"a": [], "b": []}) == []


@settings(max_examples=25)
@given(
    st.lists(
        st.lists(st.floats(-2, 2), min_size=len(FEATURES), max_size=len(FEATURES)), min_size=1, max_size=6
    )
)
def test_the_shipped_model_scores_every_row_as_a_walk_does(rows):
    ensemble = load_ensemble()
    columns = {name: [row[at] for row in rows] for at, name in enumerate(FEATURES)}
    for row, score in zip(rows, ensemble.predict(columns), strict=True):
        ordered = [row[FEATURES.index(name)] for name in ensemble.features]
        assert score == pytest.approx(sum(walk(tree, ordered) for tree in ensemble.trees))


def test_the_shipped_model_is_whole():
    ensemble = load_ensemble()
    assert len(ensemble.trees) >= 100
    assert set(ensemble.features) <= set(FEATURES)
    for tree in ensemble.trees:
        inner = len(tree.feature)
        assert inner == len(tree.threshold) == len(tree.left) == len(tree.right) == len(tree.leaf) - 1
        children = sorted([*tree.left, *tree.right])
        assert children == sorted([*range(1, inner), *(~leaf for leaf in range(len(tree.leaf)))])
        assert all(map(math.isfinite, (*tree.threshold, *tree.leaf)))


@pytest.mark.parametrize(
    "content", ["{}", "not json", '{"version": 1, "features": [], "trees": [{"leaf": []}]}']
)
def test_a_damaged_model_is_named(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"broken\.json is not a ranking model"):
        load_ensemble(path)


def test_nothing_is_edited_by_hand():
    """The version is the digest of the trees as they were trained."""
    data = json.loads(RANKER.read_text())
    assert data["version"] == hashlib.sha256(json.dumps(data["trees"]).encode()).hexdigest()[:12]
