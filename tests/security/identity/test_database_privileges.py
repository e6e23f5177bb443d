"""What the role of `auth` can do in the database: call the functions made for it, and nothing else."""

import psycopg
import pytest

FUNCTIONS = {
    "register",
    "begin_login",
    "complete_login",
    "find_sealed_key",
    "rotate_session",
    "revoke_session",
}


@pytest.fixture(scope="module")
def catalogue(module_database):
    def ask(statement, *values):
        with psycopg.connect(module_database.superuser_dsn) as connection:
            return connection.execute(statement, values).fetchall()

    return ask


def test_auth_has_no_right_to_any_table(catalogue):
    assert (
        catalogue(
            """
            SELECT c.oid::regclass::text, p.privilege
              FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege)
             WHERE c.relkind IN ('r', 'p', 'v', 'm')
               AND c.relnamespace::regnamespace::text IN ('core', 'knowledge', 'chat', 'migrations')
               AND has_table_privilege('footnote_auth', c.oid, p.privilege)
            """
        )
        == []
    )


def test_only_auth_may_call_and_only_what_it_needs(catalogue):
    for role, expected in (("footnote_auth", FUNCTIONS), ("footnote_app", set()), ("footnote_jobs", set())):
        found = catalogue(
            """
            SELECT p.proname FROM pg_proc p
             WHERE p.pronamespace = 'identity'::regnamespace AND has_function_privilege(%s, p.oid, 'EXECUTE')
            """,
            role,
        )
        assert {name for (name,) in found} == expected, role


def test_functions_run_as_the_definer_with_a_fixed_search_path(catalogue):
    rows = catalogue(
        """
        SELECT p.proname, p.proowner::regrole::text, p.prosecdef, p.proconfig
          FROM pg_proc p WHERE p.pronamespace = 'identity'::regnamespace
        """
    )
    assert {name for name, *_ in rows} >= FUNCTIONS
    for name, owner, is_definer, configuration in rows:
        assert owner == "footnote_definer", name
        assert is_definer, name
        assert configuration == ["search_path=pg_catalog, pg_temp"], name


def test_nobody_can_sign_in_as_the_definer(catalogue):
    assert catalogue(
        "SELECT rolcanlogin, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'footnote_definer'"
    ) == [(False, False, False)]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM core.users",
        "SELECT * FROM core.sessions",
        "SELECT identity.find_member(gen_random_uuid(), gen_random_uuid())",
        "SELECT identity.open_session(gen_random_uuid(), gen_random_uuid(), NULL)",
        "SET ROLE footnote_definer",
        "CREATE TABLE identity.mine (i int)",
    ],
)
def test_auth_is_refused(module_database, statement):
    with psycopg.connect(module_database.dsn("footnote_auth")) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
        connection.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT hashed_password FROM core.users",
        "SELECT sealed_key FROM core.sessions",
        "SELECT * FROM core.login_attempts",
        "UPDATE core.users SET email = 'x@example.com'",
        "UPDATE core.memberships SET role = 'owner'",
        "UPDATE core.sessions SET revoked_at = NULL",
        "SELECT identity.find_sealed_key(gen_random_uuid())",
    ],
)
def test_app_is_refused(module_database, statement):
    with psycopg.connect(module_database.dsn("footnote_app")) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)
        connection.rollback()
