"""What the journal acknowledged survives `kill -9`, with the messages about it; nothing half-written does."""

import json
import signal
import subprocess
import sys
import time

from local.aws.journal import Journal
from local.aws.notifications import Notifications
from local.aws.objects import ObjectStore
from local.aws.queues import QueueDefinition, QueueStore

PROGRAM = """
import asyncio, sys
from pathlib import Path
from local.aws.journal import Journal
from local.aws.notifications import Notifications
from local.aws.objects import ObjectStore
from local.aws.payload import Received
from local.aws.queues import QueueDefinition, QueueStore

async def main():
    journal = Journal(Path(sys.argv[1]))
    journal.open()
    queues = QueueStore(journal, {"q": QueueDefinition("q")})
    store = ObjectStore(journal, Notifications(queues, ["q"]))

    async def upload(worker):
        number = 0
        while True:
            number += 1
            key = f"{worker}/{number}"
            file = journal.incoming_file()
            file.write_bytes(key.encode() * 100)
            await store.put("b", key, Received(file, len(key) * 100, "etag", None), {})
            print(key, flush=True)

    await asyncio.gather(*(upload(worker) for worker in range(8)))

asyncio.run(main())
"""


def test_acknowledged_writes_survive_a_kill(tmp_path):
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        acknowledged = [process.stdout.readline().strip()]
        time.sleep(0.4)
        process.send_signal(signal.SIGKILL)
        acknowledged += process.stdout.read().split("\n")[:-1]
        process.wait()
        assert len(acknowledged) > 20
        _check(tmp_path, acknowledged)


def _check(directory, acknowledged):
    journal = Journal(directory)
    journal.open()
    queues = QueueStore(journal, {"q": QueueDefinition("q")})
    store = ObjectStore(journal, Notifications(queues, ["q"]))
    announced = {
        json.loads(row["body"])["Records"][0]["s3"]["object"]["key"]
        for row in journal.read("SELECT body FROM messages")
    }
    for key in acknowledged:
        version = store.get("b", key)
        assert version is not None, key
        assert store.file(version).read_bytes() == key.encode() * 100
        assert key in announced
    bodies = {row["body"] for row in journal.read("SELECT body FROM object_versions")}
    files = {file.name for file in (directory / "bodies").glob("*/*")}
    assert files == bodies
    assert not list((directory / "incoming").iterdir())
    journal.close()
