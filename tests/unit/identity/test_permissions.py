"""What roles may do."""

from uuid import uuid4

import pytest

from footnote.identity import PERMISSIONS, permissions_of, require
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotPermitted


def _member(role):
    return OrganizationContext(uuid4(), uuid4(), role=role, permissions=permissions_of(role))


def test_each_role_has_all_permissions_of_the_one_before():
    viewer, member, admin, owner = (PERMISSIONS[role] for role in ("viewer", "member", "admin", "owner"))
    assert viewer < member < admin < owner


@pytest.mark.parametrize(
    ("role", "allowed", "denied"),
    [
        ("viewer", "search:query", "documents:write"),
        ("member", "documents:write", "documents:delete"),
        ("admin", "documents:delete", "billing:manage"),
    ],
)
def test_require(role, allowed, denied):
    require(_member(role), allowed)
    with pytest.raises(NotPermitted) as refusal:
        require(_member(role), denied)
    assert refusal.value.details == {"permission": denied, "role": role}


def test_an_unknown_role_may_do_nothing():
    assert permissions_of("root") == frozenset()
