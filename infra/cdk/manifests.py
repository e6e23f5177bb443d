"""The functions, as `function.toml` describes them; nothing else lists them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from footnote.platform.manifest import FunctionManifest, load_manifests
from infra.cdk.bundling import REPOSITORY
from local.stack import readable_secrets


@dataclass(frozen=True)
class Manifests:
    """All of them.

    Attributes:
        functions: By name.
    """

    functions: tuple[FunctionManifest, ...]

    @classmethod
    def of(cls, repository: Path = REPOSITORY) -> Manifests:
        """Those of a checkout."""
        return cls(tuple(load_manifests(repository / "functions")))

    def one_of_kind(self, kind: str) -> FunctionManifest:
        """The only function of a kind.

        Raises:
            ValueError: There is none, or there are several.
        """
        (found,) = self.of_kind(kind)
        return found

    def of_kind(self, *kinds: str) -> list[FunctionManifest]:
        """Functions of some kinds, by name."""
        return [each for each in self.functions if each.kind in kinds]

    @cached_property
    def secret_ids(self) -> list[str]:
        """Every secret that a function may read, once, in order."""
        return sorted(
            {name for each in self.functions for name in (*readable_secrets(each), *each.grants.rotates)}
        )

    @cached_property
    def layer_sets(self) -> list[tuple[str, ...]]:
        """The combinations of layers that functions on Lambda name; containers bring their own packages."""
        return sorted({tuple(sorted(each.layers)) for each in self.functions if each.kind != "container"})
