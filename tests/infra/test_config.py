"""An operator's choices are checked before anything is made of them."""

import pytest
import yaml

from infra.cdk.config import load_config

GOOD = {"cost": {"idle_usd": 1, "monthly_usd": 2}}


def load(directory, stage="development", **changes):
    (directory / f"{stage}.yaml").write_text(yaml.safe_dump({**GOOD, **changes}))
    return load_config(stage, directory)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"databse": {}}, "databse: Extra inputs are not permitted"),
        ({"database": {"engine_version": "16.4"}}, "database.engine_version"),
        ({"network": {"availability_zones": 1}}, "network.availability_zones"),
        ({"network": {"endpoint_zones": 3}}, "cannot stand in more zones"),
        ({"profile": "full"}, "needs the parts 'atlas' and 'conversations'"),
        ({"conversations": {"kind": "keyspaces"}}, "has no 'atlas' and no 'conversations'"),
        ({"recovery": {"copy_region": "us-east-1"}}, "another region"),
        (
            {"models": {"embedding": {"kind": "instance", "instance": "ml.g5.xlarge", "minimum": 3}}},
            "above maximum",
        ),
        ({"models": {"generation": {"base_url": "https://llm.example.com"}}}, "name of its model"),
        (
            {"models": {"generation": {"base_url": "https://llm.example.com", "model": "m"}}},
            "needs network.egress",
        ),
        (
            {"models": {"embedding": {"kind": "instance", "instance": "ml.g5.xlarge", "minimum": 0}}},
            "minimum",
        ),
        ({"payments": "stripe"}, "need network.egress"),
        ({"account": "12"}, "account"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, changes, says):
    with pytest.raises(ValueError, match=r"development\.yaml") as refused:
        load(tmp_path, **changes)
    assert says in str(refused.value)


def test_production_cannot_do_without_protection(tmp_path):
    with pytest.raises(ValueError, match="deletion_protection and backups"):
        load(tmp_path, "production", database={"deletion_protection": False})


def test_an_unknown_stage_is_told_with_those_there_are():
    with pytest.raises(ValueError, match="choose from development, production, staging"):
        load_config("qa")
