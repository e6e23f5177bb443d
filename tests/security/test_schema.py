"""The catalogue: what the schema promises about isolation, checked on the schema itself."""

import psycopg
import pytest

# The only tables that no organization owns, and why that is right.
GLOBAL_TABLES = {
    "core.users": "a person may belong to several organizations; policies of its own",
    "core.login_attempts": "counted before anybody is known; reached through functions alone",
    "knowledge.embedding_models": "names of models; nothing of anybody",
    "quota.plans": "what everybody may subscribe to",
    "quota.platform_budget": "the platform's own; one row",
    "billing.invoice_counters": "the seller's own; reached through a function alone",
    "quota.platform_windows": "the platform's own: sums over all organizations in sixteen parts",
    "billing.provider_events": "nobody's until looked up; reached through functions alone",
    "billing.price_versions": "what models cost the platform",
    "billing.prices": "what models cost the platform",
    "billing.platform_budget": "the platform's own; one row, reached through functions alone",
    "billing.platform_budget_events": "the platform's own; reached through functions alone",
}
LOGINS = ("footnote_app", "footnote_auth", "footnote_jobs", "footnote_indexer")
# The job that builds indexes owns the table of vectors: nobody else may create an index on it.
INDEXED = "knowledge.chunk_vectors"
OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema', 'public', 'migrations') AND n.nspname !~ '^pg_'"


@pytest.fixture(scope="module")
def rows(module_database):
    with psycopg.connect(module_database.superuser_dsn) as connection:
        yield lambda statement, *values: connection.execute(statement, values or None).fetchall()


def tables(rows, condition="true"):
    found = rows(
        f"SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind IN ('r', 'p') AND {OURS} AND {condition}"
    )
    return {name for (name,) in found}


HAS_ORGANIZATION = (
    "EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id'"
    " AND NOT a.attisdropped)"
)


def test_every_table_belongs_to_organizations_or_is_named_here(rows):
    assert tables(rows) - tables(rows, HAS_ORGANIZATION) == set(GLOBAL_TABLES)


def test_organization_tables_force_row_level_security(rows):
    assert tables(rows, f"{HAS_ORGANIZATION} AND NOT (c.relrowsecurity AND c.relforcerowsecurity)") == set()


def test_organization_tables_have_the_one_tenant_policy(rows):
    template = "(organization_id = core.current_organization())"
    found = rows(
        "SELECT schemaname || '.' || tablename FROM pg_policies WHERE policyname = 'tenant' AND cmd = 'ALL'"
        " AND permissive = 'PERMISSIVE' AND roles = '{public}' AND qual = %s AND with_check = %s",
        template,
        template,
    )
    assert {name for (name,) in found} == tables(rows, HAS_ORGANIZATION)


def test_wider_policies_admit_only_the_definer(rows):
    found = rows(
        "SELECT schemaname || '.' || tablename, policyname, roles::text FROM pg_policies"
        " WHERE policyname <> 'tenant' AND roles <> '{footnote_definer}'"
    )
    assert {(table, policy) for table, policy, _ in found} == {
        ("core.users", "self"),
        ("core.users", "fellow"),
    }


def test_keys_begin_with_the_organization(rows):
    """A unique key or foreign key over organizations would tell one of another's rows."""
    found = rows(
        "SELECT c.conrelid::regclass::text, c.conname FROM pg_constraint c"
        " JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
        f" WHERE c.contype IN ('p', 'u', 'f') AND {OURS} AND a.attname <> 'organization_id'"
        " AND EXISTS (SELECT FROM pg_attribute o WHERE o.attrelid = c.conrelid"
        " AND o.attname = 'organization_id' AND NOT o.attisdropped)"
    )
    assert {name for _, name in found} == {
        # What makes an organization findable before it is known: set by registration, never by a member.
        "organizations_domain_key",
        "organizations_storage_prefix_key",
        # To tables that belong to no organization.
        "memberships_user_id_fkey",
        "document_versions_embedding_model_id_fkey",
        "chunk_vectors_embedding_model_id_fkey",
        "vector_indexes_embedding_model_id_fkey",
        "chunk_sentences_embedding_model_id_fkey",
    }


def test_unique_indexes_begin_with_the_organization(rows):
    found = rows(
        "SELECT i.indexrelid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
        " JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
        f" WHERE i.indisunique AND {OURS} AND {HAS_ORGANIZATION} AND a.attname <> 'organization_id'"
    )
    assert {name for (name,) in found} == {
        "core.organizations_domain_key",
        "core.organizations_storage_prefix_key",
        "core.sessions_family_id_idx",  # a random identifier that `auth` looks up before it knows the member
    }


def test_views_run_with_the_rights_of_who_asks(rows):
    found = rows(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE c.relkind IN ('v', 'm') AND {OURS}"
        " AND NOT coalesce(c.reloptions, '{}') @> ARRAY['security_invoker=true']"
    )
    assert found == []


def test_no_login_owns_or_bypasses(rows):
    found = rows(
        "SELECT rolname FROM pg_roles WHERE rolname LIKE 'footnote%%'"
        " AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)"
    )
    assert found == []
    owned = rows(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner"
        " WHERE r.rolname = ANY(%s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S')",
        [*LOGINS, "footnote_definer"],
    )
    assert owned == [(INDEXED,)]
    owner = rows("SELECT relowner::regrole::text FROM pg_class WHERE oid = %s::regclass", INDEXED)
    assert owner == [("footnote_indexer",)]
    memberships = rows(
        "SELECT m.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member"
        " JOIN pg_roles r ON r.oid = a.roleid WHERE r.rolname LIKE 'footnote%%' AND m.rolname = ANY(%s)",
        list(LOGINS),
    )
    assert memberships == []


def test_jobs_and_auth_have_no_right_to_any_table(rows):
    found = rows(
        "SELECT grantee, table_schema || '.' || table_name FROM information_schema.role_table_grants"
        " WHERE grantee IN ('footnote_auth', 'footnote_jobs', 'footnote_indexer')"
        " UNION SELECT grantee, table_schema || '.' || table_name FROM information_schema.column_privileges"
        " WHERE grantee IN ('footnote_auth', 'footnote_jobs', 'footnote_indexer')"
    )
    assert found == [("footnote_indexer", INDEXED)]


def test_the_application_may_not_more_than_it_needs(rows):
    found = rows(
        "SELECT table_schema || '.' || table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants WHERE grantee = 'footnote_app' GROUP BY 1"
    )
    everything = "DELETE INSERT SELECT UPDATE"
    narrow = {
        "core.organizations": "SELECT UPDATE",
        "core.memberships": "SELECT",
        "knowledge.embedding_models": "INSERT SELECT",
        "evaluation.activations": "INSERT SELECT",
        "chat.provenance": "INSERT SELECT",
        "knowledge.vector_indexes": "SELECT",
        "quota.plans": "SELECT",
        "quota.custom_plans": "SELECT",
        "quota.entitlements": "INSERT SELECT UPDATE",
        "quota.platform_budget": "SELECT",
        "quota.platform_windows": "INSERT SELECT UPDATE",
        "quota.usage_ledger": "INSERT SELECT",
        "quota.cost_ledger": "INSERT SELECT",
        "quota.outbox": "INSERT SELECT",
        "quota.processed_events": "INSERT SELECT",
        "quota.usage_daily": "INSERT SELECT UPDATE",
        "quota.sums": "SELECT",
        "quota.usage_parts": "SELECT",
        "quota.member_days": "SELECT",
        "billing.price_versions": "SELECT",
        "billing.prices": "SELECT",
        "billing.budgets": "INSERT SELECT UPDATE",
        "billing.budget_events": "INSERT SELECT",
        "billing.platform_budget": None,
        "billing.platform_budget_events": None,
        "billing.profiles": "INSERT SELECT UPDATE",
        "billing.subscriptions": "INSERT SELECT UPDATE",
        "billing.periods": "INSERT SELECT UPDATE",
        "billing.closings": "INSERT SELECT UPDATE",
        "billing.subscription_events": "INSERT SELECT",
        "billing.requests": "INSERT SELECT",
        "billing.plan_charges": "INSERT SELECT",
        "billing.invoices": "INSERT SELECT",
        "billing.invoice_payments": "SELECT",
        "billing.invoice_counters": None,
        "billing.provider_events": None,
        "billing.provider_states": "INSERT SELECT UPDATE",
        "billing.customers": "INSERT SELECT UPDATE",
        "billing.provider_fees": "INSERT SELECT",
        "billing.duplicates": "INSERT SELECT UPDATE",
        "billing.provider_invoices": "INSERT SELECT UPDATE",
    }
    granted = dict(found)
    assert {name: granted.get(name) for name in narrow} == narrow
    assert {name for name, rights in granted.items() if rights == everything} == {
        name
        for name in tables(rows, HAS_ORGANIZATION)
        if name.startswith(("knowledge.", "chat.", "evaluation.", "quota.")) and name not in narrow
    }
    assert not any("TRUNCATE" in rights or "TRIGGER" in rights for rights in granted.values())


def test_nobody_reads_password_hashes(rows):
    readable = rows("SELECT has_column_privilege('footnote_app', 'core.users', 'hashed_password', 'SELECT')")
    assert readable == [(False,)]


def test_public_has_no_right_to_anything_of_ours(rows):
    found = rows(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,"
        f" aclexplode(c.relacl) g WHERE g.grantee = 0 AND {OURS}"
    )
    assert found == []


def definers(rows):
    return rows(
        "SELECT p.oid::regprocedure::text, r.rolname, p.proconfig, p.proacl::text"
        " FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_roles r ON r.oid = p.proowner"
        f" WHERE p.prosecdef AND {OURS}"
    )


def test_definer_functions_are_the_definers_with_a_fixed_search_path(rows):
    assert definers(rows)
    for name, owner, configuration, _ in definers(rows):
        assert owner == "footnote_definer", name
        assert configuration == ["search_path=pg_catalog, pg_temp"], name


def test_each_definer_function_is_one_roles_or_internal(rows):
    for name, _, _, acl in definers(rows):
        grantees = {entry.split("=")[0] for entry in acl.strip("{}").split(",")}
        assert len(grantees - {"footnote_definer"}) <= 1, name
        assert "" not in grantees, f"{name} is executable by everybody"
        assert grantees <= {"footnote_definer", *LOGINS}, name


def test_sequences_are_not_shared_ways_out(rows):
    """Identity columns need no grant; with one, an organization could count another's rows."""
    found = rows(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        f" WHERE {OURS} AND CASE WHEN c.relkind = 'S'"
        " THEN has_sequence_privilege('footnote_app', c.oid, 'USAGE, SELECT') END"
    )
    assert found == []
