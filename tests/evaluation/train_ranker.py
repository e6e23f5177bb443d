"""Trains the ranker on judged sets and measures it on questions and sets that it has not seen.

    make ranker SETS=../shared/data/evaluation [OPTIONS=--write]

Prints nDCG@10 of the fused order and what the ranker adds, blended as the product blends it: over five
folds that never split an article or a conversation, on each set when trained on the others alone, and with
`--ablate` without each group of features. `--write` writes the model that is trained on everything to
`knowledge/ranking/data/ranker.json`.

LambdaMART by LightGBM, which is in no lock of the product: `make ranker` installs it beside the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from footnote.evaluation import bootstrap_interval, mean
from footnote.knowledge.ranking.blending import blend, on_scale_of
from footnote.knowledge.ranking.features import FEATURES, OWN, QUERY
from footnote.knowledge.ranking.trees import RANKER, Ensemble, load_ensemble
from footnote.platform.settings import RetrievalSettings
from tests.evaluation.answers_corpus import bench
from tests.evaluation.ranking_features import FOLDS, Array, Search, fold_file, folds_of, load, record, save

SETS = ("squad2", "scifact", "cranfield", "mtrag")
SEEDS = (1, 2)
TREES = 300
PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "learning_rate": 0.03,
    "num_leaves": 16,
    "min_data_in_leaf": 50,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10,
    "lambdarank_truncation_level": 15,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "verbose": -1,
}
GROUPS = {
    "sentence vectors": ("sentence",),
    "neighbourhood in the corpus": ("feedback", "centroid", "query.density"),
    "places of words": ("window", "together", "near", "query.window", "query.together"),
    "siblings": ("sibling", "siblings"),
    "features of the query": QUERY,
}
"""Left out one after the other, to show what each earns."""

Data = Mapping[str, Sequence[Search]]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sets", type=Path)
    parser.add_argument("--limit", type=int, default=None, help="questions of each set")
    parser.add_argument("--write", action="store_true", help="replace the product's model")
    parser.add_argument("--kept", type=Path, help="folder where searches are kept, and taken from if there")
    parser.add_argument("--folds", type=Path, help="folder for the models of the first seed's folds")
    parser.add_argument("--ablate", action="store_true", help="also without each group of features")
    options = parser.parse_args()
    data = asyncio.run(_record_all(options.sets, options.limit, options.kept))
    _report(data, FEATURES, "all features")
    print("trained on the other sets alone: " + _told(_left_out(data)))
    if options.ablate:
        for name, left_out in GROUPS.items():
            gone = {*left_out, *(f"{one}-best" for one in left_out if one in OWN)}
            _report(data, tuple(one for one in FEATURES if one not in gone), f"without {name}")
    if options.folds:
        _write_folds(data, options.folds)
    if options.write:
        ensemble = _train(data, {name: range(len(data[name])) for name in data}, FEATURES, SEEDS[0])
        RANKER.write_text(_serialised(ensemble))
        print(f"wrote {RANKER.name}, version {load_ensemble().version}")


async def _record_all(directory: Path, limit: int | None, kept: Path | None) -> dict[str, list[Search]]:
    found = {}
    for name in SETS:
        file = kept / f"{name}.npz" if kept else None
        if file is not None and file.exists():
            found[name] = load(file)
            continue
        async with bench() as stage:
            found[name] = await record(stage, directory / name, limit)
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            save(found[name], file)
        print(f"{name}: {len(found[name])} questions", flush=True)
    return found


def _report(data: Data, features: Sequence[str], title: str) -> None:
    gains = _cross_validated(data, features)
    print(f"{title}: " + _told(gains), flush=True)
    if features == FEATURES:
        for name, values in gains.items():
            low, high = bootstrap_interval(values)
            fused = mean([one.ndcg(range(len(one.documents))) for one in data[name]])
            print(
                f"  {name:10} fused {fused:.4f}  ranked {fused + mean(values):.4f}  "
                f"difference {mean(values):+.4f} [{low:+.4f}, {high:+.4f}]"
            )


def _told(gains: Mapping[str, Sequence[float]]) -> str:
    means = {name: mean(values) for name, values in gains.items()}
    return "  ".join(f"{name} {value:+.4f}" for name, value in means.items()) + (
        f"  mean {mean(list(means.values())):+.4f}"
    )


def _cross_validated(data: Data, features: Sequence[str]) -> dict[str, list[float]]:
    """What the ranker adds to each question that it was not trained on, averaged over seeds."""
    gains = {name: np.zeros(len(searches)) for name, searches in data.items()}
    for seed in SEEDS:
        for fold in range(FOLDS):
            chosen = _without(data, fold, seed)
            ensemble = _train(data, chosen, features, seed)
            for name, searches in data.items():
                for place in set(range(len(searches))).difference(chosen[name]):
                    gains[name][place] += _gain(ensemble, searches[place]) / len(SEEDS)
    return {name: values.tolist() for name, values in gains.items()}


def _write_folds(data: Data, directory: Path) -> None:
    """For other measurements: models that have not seen the questions of their fold."""
    directory.mkdir(parents=True, exist_ok=True)
    for fold in range(FOLDS):
        ensemble = _train(data, _without(data, fold, SEEDS[0]), FEATURES, SEEDS[0])
        fold_file(directory, fold).write_text(_serialised(ensemble))


def _without(data: Data, fold: int, seed: int) -> dict[str, list[int]]:
    """Places of the questions that are not in a fold."""
    folds = {name: folds_of([one.group for one in searches], seed) for name, searches in data.items()}
    return {
        name: [place for place, one in enumerate(searches) if folds[name][one.group] != fold]
        for name, searches in data.items()
    }


def _left_out(data: Data) -> dict[str, list[float]]:
    """What it adds on each set when trained on the others."""
    gains = {}
    for name in data:
        others = {other: range(len(data[other])) for other in data if other != name}
        ensemble = _train(data, others, FEATURES, SEEDS[0])
        gains[name] = [_gain(ensemble, search) for search in data[name]]
    return gains


def _gain(ensemble: Ensemble, search: Search) -> float:
    columns = {name: search.matrix[:, FEATURES.index(name)].tolist() for name in ensemble.features}
    fused = search.fused.tolist()
    scores = blend(on_scale_of(ensemble.predict(columns), fused), fused, RetrievalSettings().ranker_weight)
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    return search.ndcg(order) - search.ndcg(range(len(scores)))


def _train(data: Data, chosen: Mapping[str, Sequence[int]], features: Sequence[str], seed: int) -> Ensemble:
    """LambdaMART over the chosen questions; every set weighs the same."""
    lightgbm = _lightgbm()
    used = [FEATURES.index(name) for name in features]
    rows: list[Array] = []
    labels: list[int] = []
    sizes: list[int] = []
    weights: list[float] = []
    for name, places in chosen.items():
        weight = 1000 / len(data[name])
        for place in places:
            search = data[name][place]
            if any(search.labels):
                rows.append(search.matrix[:, used])
                labels += search.labels
                sizes.append(len(search.labels))
                weights += [weight] * len(search.labels)
    train = lightgbm.Dataset(np.vstack(rows), labels, group=sizes, weight=weights)
    booster = lightgbm.train({**PARAMETERS, "seed": seed}, train, TREES)
    return _ensemble(booster.dump_model(), tuple(features))


def _ensemble(dump: dict[str, Any], features: tuple[str, ...]) -> Ensemble:
    trees = [_flat(tree["tree_structure"]) for tree in dump["tree_info"]]
    with tempfile.NamedTemporaryFile("w+", suffix=".json") as file:
        digest = hashlib.sha256(json.dumps(trees).encode()).hexdigest()[:12]
        json.dump({"version": digest, "features": features, "trees": trees}, file)
        file.flush()
        return load_ensemble(Path(file.name))


def _flat(root: dict[str, Any]) -> dict[str, list[Any]]:
    """LightGBM's nested tree as arrays; children that are leaves are `~leaf`."""
    flat: dict[str, list[Any]] = {"feature": [], "threshold": [], "left": [], "right": [], "leaf": []}

    def place(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            flat["leaf"].append(float(f"{node['leaf_value']:.6g}"))
            return ~(len(flat["leaf"]) - 1)
        own = len(flat["feature"])
        flat["feature"].append(node["split_feature"])
        flat["threshold"].append(float(f"{node['threshold']:.8g}"))
        flat["left"].append(0)
        flat["right"].append(0)
        flat["left"][own], flat["right"][own] = place(node["left_child"]), place(node["right_child"])
        return own

    place(root)
    return flat


def _serialised(ensemble: Ensemble) -> str:
    """One line a tree."""
    trees = ",\n".join(
        json.dumps({name: list(getattr(tree, name)) for name in tree.__slots__}, separators=(",", ":"))
        for tree in ensemble.trees
    )
    features = json.dumps(list(ensemble.features))
    return f'{{"version": "{ensemble.version}",\n"features": {features},\n"trees": [\n{trees}\n]}}\n'


def _lightgbm() -> Any:
    try:
        import lightgbm
    except ModuleNotFoundError as error:
        raise SystemExit("LightGBM is not installed here; `make ranker` does that.") from error
    return lightgbm


if __name__ == "__main__":
    main()
