"""All stacks of one stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aws_cdk import App, Environment, Tags

from infra.cdk.bundling import Assets
from infra.cdk.config import StageConfig
from infra.cdk.manifests import Manifests
from infra.cdk.names import prefix
from infra.cdk.stacks.api import ApiStack
from infra.cdk.stacks.conversations import ConversationsStack
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.functions import FunctionsStack
from infra.cdk.stacks.images import ImagesStack
from infra.cdk.stacks.models import ModelsStack
from infra.cdk.stacks.network import NetworkStack
from infra.cdk.stacks.observability import ObservabilityStack
from infra.cdk.stacks.recovery import CopiesStack, RecoveryStack
from infra.cdk.stacks.web import WebStack


@dataclass(frozen=True)
class Stacks:
    """The stacks of a stage."""

    network: NetworkStack
    data: DataStack
    models: ModelsStack
    functions: FunctionsStack
    api: ApiStack


def build(app: App, config: StageConfig, assets: Assets, manifests: Manifests) -> Stacks:
    """Adds the stacks of a stage to an application."""
    where = Environment(account=config.account, region=config.region)
    name = prefix(config)

    def common(part: str) -> dict[str, Any]:
        return {
            "stack_name": f"{name}-{part}",
            "env": where,
            "termination_protection": config.is_production,
            "description": f"Footnote, {config.stage}: {part}",
        }

    network = NetworkStack(app, f"{name}-network", config=config, **common("network"))
    data = DataStack(
        app, f"{name}-data", config=config, network=network, manifests=manifests, **common("data")
    )
    images = ImagesStack(app, f"{name}-images", config=config, **common("images"))
    models = ModelsStack(app, f"{name}-models", config=config, images=images, **common("models"))
    functions = FunctionsStack(
        app,
        f"{name}-functions",
        config=config,
        network=network,
        data=data,
        manifests=manifests,
        assets=assets,
        **common("functions"),
    )
    api = ApiStack(
        app, f"{name}-api", config=config, functions=functions, manifests=manifests, **common("api")
    )
    ObservabilityStack(
        app,
        f"{name}-observability",
        config=config,
        data=data,
        models=models,
        functions=functions,
        api=api,
        **common("observability"),
    )
    if config.recovery.backup:
        _recovery(app, config, data, common)
    if config.conversations is not None and config.conversations.kind == "keyspaces":
        ConversationsStack(app, f"{name}-conversations", config=config, **common("conversations"))
    if config.edge.web_client:
        WebStack(app, f"{name}-web", config=config, **common("web"))
    Tags.of(app).add("application", "footnote")
    Tags.of(app).add("stage", config.stage)
    return Stacks(network, data, models, functions, api)


def _recovery(
    app: App, config: StageConfig, data: DataStack, common: Callable[[str], dict[str, Any]]
) -> None:
    name, copies = prefix(config), None
    if config.recovery.copy_region is not None:
        there = Environment(account=config.account, region=config.recovery.copy_region)
        copies = CopiesStack(
            app,
            f"{name}-copies",
            config=config,
            **{**common("copies"), "env": there, "cross_region_references": True},
        )
    RecoveryStack(
        app,
        f"{name}-recovery",
        config=config,
        data=data,
        copies=copies,
        **{**common("recovery"), "cross_region_references": copies is not None},
    )
