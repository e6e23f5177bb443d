"""What was there before is counted by the migration that brings meters, and goes on through later ones."""

import asyncio

import psycopg

from footnote.platform.ids import new_id
from footnote.stores.postgres.migrate import downgrade, upgrade
from local.bootstrap import OWNER
from tests.support.ingestion import World
from tests.support.metering import assert_metering_is_exact, committed_of
from tests.support.organizations import new_organization, open_database

BEFORE = "0008_sentence_vectors"

# What the functions of that time wrote: status, stage and size of each version, and whether it is active.
# A version that is being read, or was refused, already shows its size at the document.
DOCUMENTS = (
    ("completed", [("active", 18)], True),
    ("completed", [("superseded", 5), ("active", 7)], True),
    ("processing", [("active", 100), ("received", 1)], True),
    ("failed", [("active", 40), ("failed", 9_000)], True),
    ("completed", [("active", 0)], True),
    ("failed", [("failed", 500)], False),
    ("duplicate", [("purged", 18)], False),
    ("pending", [], False),
)
DELETED = ("completed", [("superseded", 60)], False)

_DOCUMENT = """
INSERT INTO knowledge.documents (organization_id, document_id, title, filename, format, source, size_bytes,
    content_sha256, status, stage, active_version, last_version, deleted_at)
VALUES (%(organization)s, %(document)s, 'a', 'a.txt', 'txt', 's3', %(size)s, %(document)s::text, %(status)s,
    'received', %(active)s, %(last)s, CASE WHEN %(deleted)s THEN now() END)
"""
_VERSION = """
INSERT INTO knowledge.document_versions (organization_id, document_id, version, bucket, key, sequencer,
    size_bytes, stage, leased_until)
VALUES (%(organization)s, %(document)s, %(version)s, 'b', %(document)s::text, %(sequencer)s,
    %(size)s, %(stage)s, now())
"""


def _insert(connection, organization, status, versions, deleted=False):
    active = [number for number, (stage, _) in enumerate(versions, start=1) if stage == "active"]
    names = {
        "organization": organization.organization_id,
        "document": new_id(),
        "status": status,
        "active": active[0] if active else None,
        "last": len(versions),
        "size": versions[-1][1] if versions else None,
        "deleted": deleted,
    }
    connection.execute(_DOCUMENT, names)
    for number, (stage, size) in enumerate(versions, start=1):
        version = {"version": number, "sequencer": f"{number:064}", "size": size, "stage": stage}
        connection.execute(_VERSION, names | version)


def test_documents_of_before_are_counted(postgres_cluster):
    with postgres_cluster.empty_database() as database:
        upgrade(database.dsn(OWNER), BEFORE)
        first, second = new_organization(database), new_organization(database)
        with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
            for status, versions, _ in DOCUMENTS:
                _insert(connection, first, status, versions)
            _insert(connection, first, *DELETED[:2], deleted=True)
            _insert(connection, second, "completed", [("active", 3)])
        upgrade(database.dsn(OWNER))
        active = [dict(versions)["active"] for _, versions, is_active in DOCUMENTS if is_active]
        dsn = database.superuser_dsn
        assert committed_of(dsn, first.organization_id) == {
            "documents": len(active),
            "storage_bytes": sum(active),
        }
        assert committed_of(dsn, second.organization_id) == {"documents": 1, "storage_bytes": 3}
        for organization in (first, second):
            assert_metering_is_exact(dsn, organization.organization_id, at_rest=True)
        asyncio.run(_goes_on(database, first))


async def _goes_on(database, organization):
    """What was counted by the migration is given back like everything else, until nothing is left."""
    connected = open_database(database)
    world = World(connected)
    await world.drop(organization, "new.txt", "Owls see at night.")
    assert_metering_is_exact(database.superuser_dsn, organization.organization_id, at_rest=True)
    for document in (await world.documents.page(organization, limit=200))[0]:
        await world.documents.delete(organization, document.id)
        assert_metering_is_exact(database.superuser_dsn, organization.organization_id, at_rest=True)
    assert set(committed_of(database.superuser_dsn, organization.organization_id)) == {
        "embedding_tokens",
        "cost",
    }
    await connected.close()


def test_windows_and_holds_of_before_go_on_through_calendars_and_back(postgres_cluster):
    """Up with a hold that is open, through a change of time zone, and down again: one window, and exact."""
    reserve = (
        "SELECT quota.reserve(%s, '', 'chat', '{messages,api_calls}', '{1,1}', 60, true, 'free')"
        " ->> 'outcome'"
    )
    settle = (
        "SELECT quota.settle(%s, 1, '{messages,api_calls}', '{\"\",\"\"}', '{1,1}', '{0,0}', 0, NULL)"
        " ->> 'outcome'"
    )
    with postgres_cluster.empty_database() as database:
        upgrade(database.dsn(OWNER), "0013_payments")
        context = new_organization(database)
        with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO quota.entitlements (organization_id, plan, plan_version, limits, time_zone)"
                " VALUES (%s, 'free', 1, '{\"messages\": 4}', 'Asia/Tokyo')",
                (context.organization_id,),
            )
            for setting, value in (("organization", context.organization_id), ("user", context.user_id)):
                connection.execute("SELECT set_config(%s, %s, false)", (f"app.{setting}_id", str(value)))

            def does(statement, hold_id):
                return connection.execute(statement, (hold_id,)).fetchone()[0]

            def windows():
                return connection.execute(
                    "SELECT DISTINCT meter, window_start, committed, reserved FROM quota.windows ORDER BY 1"
                ).fetchall()

            first, second, third, fourth = (new_id() for _ in range(4))
            assert does(reserve, first) == "reserved"
            starts = [start for _, start, *_ in windows()]
            upgrade(database.dsn(OWNER))
            assert [does(reserve, second), does(settle, first)] == ["reserved", "settled"]
            connection.execute("SELECT billing.change_time_zone('Pacific/Pago_Pago')")
            assert [does(settle, second), does(reserve, third)] == ["settled", "reserved"]
            assert [row[1:] for row in windows()] == [(start, 2, 1) for start in starts]
            connection.execute("SELECT billing.change_time_zone('Asia/Tokyo')")
            downgrade(database.dsn(OWNER), "0013_payments")
            assert [does(settle, third), does(reserve, fourth)] == ["settled", "reserved"]
            assert [row[1:] for row in windows()] == [(start, 3, 1) for start in starts]
