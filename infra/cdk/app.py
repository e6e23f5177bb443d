"""`cdk synth -c stage=staging`: the entry point that `cdk.json` names."""

from __future__ import annotations

import sys
from pathlib import Path

from aws_cdk import App

from infra.cdk.application import build
from infra.cdk.bundling import REPOSITORY, Assets
from infra.cdk.config import load_config
from infra.cdk.manifests import Manifests

CACHE = REPOSITORY / ".footnote" / "cache"


def main() -> None:
    """Synthesises the stage of the context key `stage`."""
    app = App()
    stage = app.node.try_get_context("stage") or "development"
    try:
        config = load_config(stage)
    except ValueError as error:
        sys.exit(str(error))
    bundles = app.node.try_get_context("bundle") != "false"
    build(
        app,
        config,
        Assets(Path(app.node.try_get_context("cache") or CACHE), third_party=bundles),
        Manifests.of(),
    )
    app.synth()


if __name__ == "__main__":
    main()
