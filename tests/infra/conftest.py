"""The stages, synthesised once."""

import os

import pytest

from infra.cdk.config import StageConfig, load_config
from tests.support.infra import STAGES, stage, synthesise

os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")


@pytest.fixture(scope="session")
def stages(tmp_path_factory):
    """All stages as they are configured, by name."""
    return {name: stage(name, tmp_path_factory.mktemp(name)) for name in STAGES} | {
        "full": synthesise(everything(), tmp_path_factory.mktemp("full"))
    }


def everything():
    """A stage with every choice that the configured ones do not make."""
    chosen = load_config("staging").model_dump() | {
        "profile": "full",
        "network": {"availability_zones": 3, "endpoint_zones": 1, "egress": True},
        "atlas": {"private_link_service": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0"},
        "conversations": {"kind": "keyspaces"},
        "domain": {
            "name": "api.example.com",
            "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/0",
            "hosted_zone_id": "Z0123456789",
        },
        "payments": "stripe",
        "mail": {"sender": "Footnote <no-reply@example.com>", "identity": "example.com"},
        "models": {
            "embedding": {
                "kind": "instance",
                "instance": "ml.g5.xlarge",
                "minimum": 2,
                "maximum": 4,
                "nights": [22, 5],
            },
            "reranking": {"kind": "serverless"},
            "generation": {"base_url": "https://llm.example.com/v1", "model": "m"},
        },
        "cost": {"idle_usd": 4000, "monthly_usd": 8000},
    }
    return StageConfig.model_validate(chosen)


@pytest.fixture(scope="session", params=[*STAGES, "full"])
def synthesised(request, stages):
    """One stage after the other."""
    return stages[request.param]
