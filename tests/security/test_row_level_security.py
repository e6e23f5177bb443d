"""Every table, every command, the own organization, another one and none: with real rows of both.

The statements run as a role that has every right to every table, so that nothing but the policies protects.
"""

import itertools

import psycopg
import pytest
from psycopg import sql

from tests.support.ingestion import World
from tests.support.organizations import new_organization, open_database

SCHEMAS = ["core", "knowledge", "chat", "evaluation", "quota", "billing"]
PROBE = "row_level_security_probe"
NOBODY = "nobody"
EVALUATION = """
    INSERT INTO evaluation.sets (organization_id, set_id, name) VALUES (%(o)s, gen_random_uuid(), 'a set');
    INSERT INTO evaluation.questions
    SELECT organization_id, set_id, 1, gen_random_uuid(), NULL, '{}'
      FROM evaluation.sets WHERE organization_id = %(o)s;
    INSERT INTO evaluation.runs (
        organization_id, run_id, set_id, overrides, digest, set_revision, total, created_by)
    SELECT organization_id, gen_random_uuid(), set_id, '{}', '', 1, 1, gen_random_uuid()
      FROM evaluation.sets WHERE organization_id = %(o)s;
    INSERT INTO evaluation.results
    SELECT organization_id, run_id, 1, '{}' FROM evaluation.runs WHERE organization_id = %(o)s;
    INSERT INTO evaluation.gates (organization_id, gate_id, set_id, name, conditions)
    SELECT organization_id, gen_random_uuid(), set_id, 'a gate', '[]'
      FROM evaluation.sets WHERE organization_id = %(o)s;
    INSERT INTO evaluation.activations (organization_id, activation_id, overrides, digest, verdict)
    VALUES (%(o)s, gen_random_uuid(), '{}', '', '{}')
"""


QUOTA = """
    INSERT INTO quota.custom_plans (organization_id, version, name, price_cents, limits)
    VALUES (%(o)s, 1, 'a plan', 1, '{}');
    INSERT INTO quota.entitlements (organization_id, plan, plan_version, limits)
    VALUES (%(o)s, 'free', 1, '{}');
    INSERT INTO quota.member_caps (organization_id, user_id, meter, lim) VALUES (%(o)s, %(u)s, 'messages', 1);
    INSERT INTO quota.rate_overrides (organization_id, subject_kind, subject_id, rate_class, per_minute)
    VALUES (%(o)s, 'user', %(u)s, 'chat', 1);
    INSERT INTO quota.blocks (organization_id, subject_kind, subject_id, reason, expires_at)
    VALUES (%(o)s, 'user', %(u)s, 'a reason', now());
    INSERT INTO quota.cost_ledger (
        organization_id, hold_id, attempt, source, feature, window_start, cost_micro_usd)
    VALUES (%(o)s, gen_random_uuid(), 1, 'expired', 'chat', now(), 1);
    INSERT INTO quota.processed_events (organization_id, consumer, event_id, payload_hash)
    VALUES (%(o)s, 'a consumer', 'an event', '');
    INSERT INTO quota.usage_daily VALUES (%(o)s, now(), 'messages', '', 'chat', 1, 0);
    INSERT INTO quota.webhook_endpoints (organization_id, endpoint_id, url, topics)
    VALUES (%(o)s, gen_random_uuid(), 'https://example.com', '{*}');
    INSERT INTO quota.deliveries (organization_id, consumer, event_id, claimed_until)
    VALUES (%(o)s, 'a consumer', 'an event', now());
    INSERT INTO quota.sums (organization_id) VALUES (%(o)s);
    INSERT INTO quota.usage_parts VALUES (%(o)s, now(), 'messages', '', 'chat', 1, 0, 1, 1);
    INSERT INTO quota.member_days VALUES (%(o)s, now(), gen_random_uuid(), 'messages', 1, 0)
"""

BILLING = """
    INSERT INTO billing.budgets (organization_id) VALUES (%(o)s);
    INSERT INTO billing.budget_events (organization_id, number, kind, reason, figures)
    VALUES (%(o)s, 1, 'stage', 'a reason', '{}');
    INSERT INTO billing.profiles (organization_id) VALUES (%(o)s);
    INSERT INTO billing.subscriptions (
        organization_id, subscription_id, plan, plan_version, provider, status, anchor, period_start,
        period_end)
    VALUES (%(o)s, gen_random_uuid(), 'pro', 1, 'manual', 'active', now(), now(), now() + interval '1 month');
    INSERT INTO billing.subscription_events (organization_id, event_id, subscription_id, kind)
    VALUES (%(o)s, gen_random_uuid(), gen_random_uuid(), 'subscribed');
    INSERT INTO billing.provider_states (organization_id, provider, subscription_ref, asked_at)
    VALUES (%(o)s, 'stripe', 'sub_1', now());
    INSERT INTO billing.customers (organization_id, provider, customer_ref) VALUES (%(o)s, 'stripe', 'cus_1');
    INSERT INTO billing.provider_fees (organization_id, provider_ref, period_start)
    VALUES (%(o)s, 'sub_1', now());
    INSERT INTO billing.duplicates (
        organization_id, provider, subscription_ref, rival_ref, subscription_id)
    VALUES (%(o)s, 'stripe', 'sub_2', 'sub_1', gen_random_uuid());
    INSERT INTO billing.provider_invoices (
        organization_id, provider, invoice_ref, subscription_ref, number, status, currency, total_cents,
        paid_cents, plan_cents, period_start, period_end, url, changed_at)
    VALUES (%(o)s, 'stripe', 'in_1', 'sub_1', '', 'paid', 'USD', 1, 1, 1, now(), now(), '', now());
    INSERT INTO billing.requests (organization_id, key, request_hash) VALUES (%(o)s, 'a key', '');
    INSERT INTO billing.plan_charges (
        organization_id, charge_id, period_start, kind, name, plan, plan_version, starts_at, ends_at,
        amount_cents)
    VALUES (%(o)s, gen_random_uuid(), now(), 'fee', 'a plan', 'pro', 1, now(), now(), 1);
    INSERT INTO billing.periods (organization_id, period_start, period_end, plan, plan_version, provider)
    VALUES (%(o)s, now(), now() + interval '1 month', 'pro', 1, 'manual');
    INSERT INTO billing.closings (organization_id, ended_at, period_start)
    SELECT organization_id, period_end, period_start FROM billing.periods WHERE organization_id = %(o)s;
    INSERT INTO billing.invoices (
        organization_id, invoice_id, number, period_start, period_end, issued_at, due_at, provider, currency,
        total_cents, cutoff, xmin_bound, digest, ledger_rows, document)
    VALUES (%(o)s, gen_random_uuid(), 'FN-1', now(), now(), now(), now(), 'manual', 'USD', 1, now(), '1',
            sha256(''), 0, '{}');
    INSERT INTO billing.invoice_payments (organization_id, invoice_id)
    SELECT organization_id, invoice_id FROM billing.invoices WHERE organization_id = %(o)s
"""


@pytest.fixture(scope="module")
def superuser(module_database):
    with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
async def organizations(module_database, superuser):
    """Two organizations with rows in every table."""
    two = [new_organization(module_database) for _ in range(2)]
    database = open_database(module_database)
    world = World(database)
    for organization in two:
        text = f"A document of {organization.organization_id}."
        await world.drop(organization, "kept.txt", text)
        await world.drop(organization, "deleted.txt", "Once " + text)
        world.bucket.is_down = True  # the removal of the object stays due
        await world.documents.delete(organization, (await world.listed(organization))["deleted.txt"].id)
        world.bucket.is_down = False
        add_sessions(superuser, {"o": organization.organization_id, "u": organization.user_id})
        superuser.execute(
            "INSERT INTO knowledge.vector_indexes (organization_id, embedding_model_id, vectors)"
            " SELECT %s, embedding_model_id, 1 FROM knowledge.embedding_models",
            (organization.organization_id,),
        )
        add_evaluation(superuser, {"o": organization.organization_id})
        add_caches(superuser, {"o": organization.organization_id})
        add_quota(superuser, {"o": organization.organization_id, "u": organization.user_id})
    await database.close()
    return {str(one.organization_id) for one in two}


def add_sessions(superuser, ids):
    superuser.execute("INSERT INTO chat.sessions VALUES (%(o)s, gen_random_uuid(), %(u)s, 'title')", ids)
    superuser.execute(
        "INSERT INTO chat.messages (organization_id, session_id, position, message_id, user_id, actor,"
        " message) SELECT organization_id, session_id, 1, gen_random_uuid(), user_id, 'user', 'hello'"
        " FROM chat.sessions WHERE organization_id = %(o)s",
        ids,
    )
    superuser.execute(
        "INSERT INTO chat.provenance SELECT organization_id, message_id, session_id, user_id, now(), '{}',"
        " sha256('') FROM chat.messages WHERE organization_id = %(o)s",
        ids,
    )
    superuser.execute(
        "INSERT INTO core.sessions (organization_id, family_id, user_id, sealed_key, idle_expires_at,"
        " absolute_expires_at) VALUES (%(o)s, gen_random_uuid(), %(u)s, '', now(), now())",
        ids,
    )


def add_evaluation(superuser, ids):
    for statement in EVALUATION.split(";"):
        superuser.execute(statement, ids)


def add_caches(superuser, ids):
    superuser.execute(
        "INSERT INTO knowledge.cache_entries VALUES (%(o)s, 'search', 'a', '{}', now() + interval '1 hour')",
        ids,
    )
    superuser.execute("INSERT INTO knowledge.cache_generations VALUES (%(o)s, 'search', 1)", ids)
    superuser.execute(
        "INSERT INTO chat.cached_questions VALUES"
        " (%(o)s, 'scope', 'entry', 'Why?', '[1, 0]', now(), now() + interval '1 hour')",
        ids,
    )


def add_quota(superuser, ids):
    for statement in [*QUOTA.split(";"), *BILLING.split(";")]:
        superuser.execute(statement, ids)


@pytest.fixture(scope="module")
def tables(superuser, organizations):
    """All tables with an organization; each holds rows of both."""
    found = superuser.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE a.attname = 'organization_id' AND c.relkind IN ('r', 'p')"
        " AND c.relnamespace::regnamespace::text = ANY(%s)",
        (SCHEMAS,),
    ).fetchall()
    names = sorted(name for (name,) in found)
    for name in names:
        rows = superuser.execute(sql.SQL("SELECT organization_id FROM {}").format(table(name))).fetchall()
        protected = {str(organization) for (organization,) in rows}
        assert protected == organizations, f"{name} has no rows to protect: add some to the fixture"
    return names


@pytest.fixture(scope="module")
def probe(superuser):
    superuser.execute(f"CREATE ROLE {PROBE} NOLOGIN NOBYPASSRLS")
    for schema in SCHEMAS:
        superuser.execute(f"GRANT USAGE ON SCHEMA {schema} TO {PROBE}")
        superuser.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {schema} TO {PROBE}")
    yield
    superuser.execute(f"DROP OWNED BY {PROBE}")
    superuser.execute(f"DROP ROLE {PROBE}")


@pytest.fixture
def attempt(superuser, probe):
    """Runs one statement for an organization and undoes it; rows touched, or `refused` by a policy."""

    def run(statement, organization):
        setting = "" if organization == NOBODY else organization
        with superuser.transaction(force_rollback=True):
            superuser.execute(f"SET LOCAL ROLE {PROBE}")
            superuser.execute("SELECT set_config('app.organization_id', %s, true)", (setting,))
            try:
                return superuser.execute(statement).rowcount
            except psycopg.errors.InsufficientPrivilege as error:
                return "refused" if "row-level security" in str(error) else "no right: grant it to the probe"

    return run


def table(name):
    return sql.Identifier(*name.split("."))


def pairs(organizations):
    """Every asker with every organization whose rows are asked for."""
    return itertools.product([*organizations, NOBODY], organizations)


def test_rows_are_read_by_their_organization_alone(tables, organizations, attempt):
    for name, (asker, owner) in itertools.product(tables, pairs(organizations)):
        statement = sql.SQL("SELECT FROM {} WHERE organization_id = {}").format(table(name), owner)
        assert (attempt(statement, asker) > 0) == (asker == owner), (name, asker, owner)


def test_a_forgotten_filter_finds_the_own_rows_only(tables, organizations, attempt):
    for name, asker in itertools.product(tables, organizations):
        statement = sql.SQL("SELECT FROM {} WHERE organization_id <> {}").format(table(name), asker)
        assert attempt(statement, asker) == 0, name
        assert attempt(sql.SQL("SELECT FROM {}").format(table(name)), NOBODY) == 0, name


@pytest.mark.parametrize("command", ["UPDATE {} SET organization_id = organization_id", "DELETE FROM {}"])
def test_rows_are_changed_by_their_organization_alone(tables, organizations, attempt, command):
    for name, (asker, owner) in itertools.product(tables, pairs(organizations)):
        statement = sql.SQL(command + " WHERE organization_id = {}").format(table(name), owner)
        if asker != owner:
            assert attempt(statement, asker) == 0, (name, asker, owner)


def test_no_row_can_be_given_to_another_organization(tables, organizations, attempt):
    for name, (asker, receiver) in itertools.product(tables, itertools.permutations(organizations)):
        statement = sql.SQL("UPDATE {} SET organization_id = {}").format(table(name), receiver)
        assert attempt(statement, asker) == "refused", name


def test_no_row_can_be_planted_in_another_organization(tables, organizations, attempt, superuser):
    for name, (asker, victim) in itertools.product(tables, itertools.permutations(organizations)):
        columns = superuser.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
            " AND NOT attisdropped AND attidentity = '' AND attgenerated = ''",
            (name,),
        ).fetchall()
        names = [column for (column,) in columns]
        values = [
            sql.Literal(victim) if column == "organization_id" else sql.Identifier(column) for column in names
        ]
        statement = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} LIMIT 1").format(
            table(name),
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.SQL(", ").join(values),
            table(name),
        )
        assert attempt(statement, asker) == "refused", name


def test_a_person_sees_himself_and_fellow_members_alone(organizations, attempt, superuser):
    statement = sql.SQL("SELECT FROM core.users")
    for asker in organizations:
        members = superuser.execute(
            "SELECT count(*) FROM core.memberships WHERE organization_id = %s", (asker,)
        ).fetchone()
        assert attempt(statement, asker) == members[0]
    assert attempt(statement, NOBODY) == 0


def test_the_owner_of_the_tables_is_bound_as_well(module_database, organizations):
    """FORCE: without it, the owner and every function and view of his would see everything."""
    with psycopg.connect(module_database.dsn("footnote_owner")) as connection:
        for name in ("knowledge.postings", "knowledge.chunk_vectors", "chat.messages"):
            assert connection.execute(f"SELECT count(*) FROM {name}").fetchone() == (0,)


def test_the_setting_does_not_outlive_its_transaction(module_database, organizations):
    with psycopg.connect(module_database.dsn("footnote_app"), autocommit=True) as connection:
        connection.execute(f"BEGIN; SET LOCAL app.organization_id = '{min(organizations)}'")
        assert connection.execute("SELECT count(*) > 0 FROM knowledge.documents").fetchone() == (True,)
        connection.execute("COMMIT")
        # PostgreSQL leaves an empty text behind, not NULL: the policy must take both for "nobody".
        assert connection.execute("SELECT count(*) FROM knowledge.documents").fetchone() == (0,)
