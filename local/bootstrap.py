"""Roles and database of a local cluster: as on RDS."""

from footnote.stores.postgres.bootstrap import OWNER, ROLES, create_database, create_roles

__all__ = ["OWNER", "ROLES", "create_database", "create_roles"]
