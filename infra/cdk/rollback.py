"""`make rollback`: lets every function's alias call the version before, without a deployment.

The database is not taken back: migrations only ever add, so that the version before still works
(docs/operations/rollback.md).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from infra.cdk.config import load_config
from infra.cdk.manifests import Manifests
from infra.cdk.names import function_name

_ALIAS = "live"


def main(arguments: list[str] | None = None, client: Any = None) -> int:
    """Rolls a stage back; the exit status, 1 where a function had no version to go back to."""
    parser = argparse.ArgumentParser(description="Let the functions of a stage call their version before.")
    parser.add_argument("--stage", required=True)
    parser.add_argument("--function", action="append", help="only this one; may be given several times")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    chosen = parser.parse_args(arguments)
    config = load_config(chosen.stage)
    names = chosen.function or [each.name for each in Manifests.of().functions if each.kind != "container"]
    lambda_ = client or _client(config.region)
    missing = 0
    for name in names:
        now, before = current_and_previous(lambda_, function_name(config, name))
        if before is None:
            print(f"{name}: version {now} is the only one")
            missing += 1
            continue
        if not chosen.dry_run:
            lambda_.update_alias(
                FunctionName=function_name(config, name),
                Name=_ALIAS,
                FunctionVersion=before,
                RoutingConfig={"AdditionalVersionWeights": {}},
            )
        print(f"{name}: {now} -> {before}")
    return 1 if missing else 0


def current_and_previous(client: Any, function: str) -> tuple[str, str | None]:
    """The version that the alias calls, and the newest one before it."""
    now = client.get_alias(FunctionName=function, Name=_ALIAS)["FunctionVersion"]
    older = [version for version in _versions(client, function) if version < int(now)]
    return now, str(max(older)) if older else None


def _versions(client: Any, function: str) -> Iterator[int]:
    for page in client.get_paginator("list_versions_by_function").paginate(FunctionName=function):
        for version in page["Versions"]:
            if version["Version"] != "$LATEST":
                yield int(version["Version"])


def _client(region: str) -> Any:
    import boto3

    return boto3.client("lambda", region_name=region)


if __name__ == "__main__":
    sys.exit(main())
