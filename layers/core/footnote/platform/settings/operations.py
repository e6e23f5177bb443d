"""Deployments and rotations."""

from __future__ import annotations

from footnote.platform.settings.section import Section


class MaintenanceSettings(Section):
    """Deployments and rotations.

    `secret_prefix` stands before the ids of all secrets of a stage; `cache_id` is the cache's replication
    group.
    """

    secret_prefix: str = ""
    cache_id: str = ""

    def secret(self, name: str) -> str:
        """Id of a secret of the stage, by its name below `footnote/`."""
        return f"{self.secret_prefix}footnote/{name}"
