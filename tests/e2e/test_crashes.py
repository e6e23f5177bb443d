"""`kill -9` of any one process while documents come in and questions are asked."""

import os
import signal
import threading
import time

import pytest

from local.client import ApiClient, ApiError
from local.ports import free_port
from tests.e2e.conftest import RunningStack

TEXT = "Station {number} of the mountain railway lies at {height} metres above the sea."
COUNT = 12


@pytest.fixture
def fragile(tmp_path_factory):
    """A stack of its own, to be broken."""
    data_dir = tmp_path_factory.mktemp("fragile")
    for folder in (data_dir, *data_dir.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    running = RunningStack(data_dir, free_port())
    running.up()
    yield running
    running.down()


def _pids(status):
    """Process ids by name: engines, the supervisor with its gateway, one function environment."""
    pids = {name: engine["pid"] for name, engine in status["engines"].items()}
    pids["supervisor"] = status["pid"]
    for name, function in status["functions"].items():
        for pid in function["pids"]:
            pids[f"function {name}"] = pid
    return pids


def _load(client: ApiClient, answered: list[str], stop: threading.Event):
    """Asks until told to stop; remembers every turn that was answered."""
    session = None
    while not stop.is_set():
        try:
            reply = client.chat("How high does station 3 of the mountain railway lie?", session_id=session)
        except (ApiError, OSError, RuntimeError):
            time.sleep(0.2)
        else:
            session = reply["session_id"]
            answered.append(reply["message_id"])


def _messages(client: ApiClient, session: str):
    """All pages of a conversation: cached answers make many turns."""
    after = 0
    while after is not None:
        page = client.messages(session, after=after, limit=200)
        yield from page["messages"]
        after = page["next_after"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("victim", ["postgres", "redis", "aws", "models", "function ingestion", "supervisor"])
def test_nothing_is_lost_when_a_process_is_killed(fragile, victim):
    client = fragile.new_member()
    me = client.account
    seed = client.upload(TEXT.format(number=0, height=100).encode(), "station-0.txt")
    client.wait([seed])
    answered: list[str] = []
    stop = threading.Event()
    asker = threading.Thread(target=_load, args=(client, answered, stop))
    asker.start()
    ids = []
    for number in range(1, COUNT):
        ids.append(client.upload(TEXT.format(number=number, height=100 * number).encode(), f"s-{number}.txt"))
        if number == COUNT // 2:
            pids = _pids(fragile.status())
            os.kill(pids[victim], signal.SIGKILL)
            if victim == "supervisor":
                break
    stop.set()
    asker.join()
    if victim == "supervisor":
        fragile.up()
    with ApiClient(fragile.url) as again:
        again.login(*me)
        documents = again.wait(ids, timeout_s=120)
        assert {document["status"] for document in documents.values()} == {"completed"}
        stored = {
            message["id"]
            for session in again.sessions()["sessions"]
            for message in _messages(again, session["id"])
        }
        assert set(answered) <= stored
        for number in range(1, len(ids) + 1):
            found = again.search(f"station {number} of the mountain railway", limit=50)["results"]
            texts = [result["text"] for result in found if f"Station {number} of" in result["text"]]
            assert len(texts) == 1, texts
