"""Parsers may die, hang, swell and babble; their parent goes on."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from footnote.knowledge.parsing import ParserUnavailable, Sandbox, errors, worker
from footnote.platform.settings import IngestionSettings

LIMITS = IngestionSettings()
QUICK = IngestionSettings(parser_wall_s=1, parser_cpu_s=30)
HAS_LANDLOCK = sys.platform == "linux" and ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 1


@pytest.fixture
def sandbox():
    box = Sandbox()
    yield box
    box.close()


@pytest.fixture
def misbehaving(monkeypatch):
    """A sandbox whose plain-text parser does what the text says; see misbehaviour.py."""
    monkeypatch.setattr(
        "footnote.knowledge.parsing.sandbox._WORKER", "tests.integration.parsing.misbehaviour"
    )
    box = Sandbox()
    yield box
    box.close()


def parser_processes(box):
    return psutil.Process(box._process.pid).children(recursive=True)


async def test_a_document_is_parsed_from_bytes_and_from_a_path(sandbox, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Some words of the text.")
    assert (await sandbox.parse(path, "a.txt", LIMITS)).text == "Some words of the text."
    assert (await sandbox.parse(b"# Title\n\nText.", "a.md", LIMITS)).title == "Title"


async def test_many_at_once_and_each_gets_its_own(sandbox):
    texts = [f"Document number {n}." for n in range(24)]
    documents = await asyncio.gather(
        *(sandbox.parse(t.encode(), f"{n}.txt", LIMITS) for n, t in enumerate(texts))
    )
    assert [document.text for document in documents] == texts
    assert not parser_processes(sandbox)


def test_event_loops_may_come_and_go(sandbox):
    for _ in range(3):
        assert asyncio.run(sandbox.parse(b"Hello.", "a.txt", LIMITS)).text == "Hello."


async def test_errors_keep_their_kind_and_reason(sandbox):
    with pytest.raises(errors.Mistyped, match="PNG"):
        await sandbox.parse(b"\x89PNG\r\n\x1a\n....", "a.pdf", LIMITS)
    with pytest.raises(errors.Unsupported):
        await sandbox.parse(b"x", "a.exe", LIMITS)
    with pytest.raises(errors.Oversized, match="larger than"):
        await sandbox.parse(b"x" * 2_000_000, "a.txt", IngestionSettings(max_bytes=1_048_576))
    with pytest.raises(FileNotFoundError):
        await sandbox.parse(Path("/no/such/file.txt"), "a.txt", LIMITS)


async def test_memory_is_bounded(misbehaving):
    with pytest.raises(errors.OutOfMemory):
        await misbehaving.parse(b"swell", "a.txt", IngestionSettings(parser_memory_bytes=400 * 1024 * 1024))
    assert (await misbehaving.parse(b"behave", "a.txt", LIMITS)).text == "behave"


@pytest.mark.parametrize("deed", [b"hang", b"sleep", b"ignore signals"])
async def test_time_is_bounded(misbehaving, deed):
    started = time.monotonic()
    with pytest.raises(errors.TimedOut, match="1 seconds"):
        await misbehaving.parse(deed, "a.txt", QUICK)
    assert time.monotonic() - started < 8
    assert (await misbehaving.parse(b"behave", "a.txt", LIMITS)).text == "behave"
    assert not parser_processes(misbehaving)


async def test_processor_time_is_bounded(misbehaving):
    with pytest.raises(errors.TimedOut):
        await misbehaving.parse(b"hang", "a.txt", IngestionSettings(parser_wall_s=50, parser_cpu_s=1))


@pytest.mark.parametrize("deed", [b"exit", b"crash", b"abort", b"half an answer", b"lie", b"no answer"])
async def test_death_and_lies_end_in_a_reason(misbehaving, deed):
    with pytest.raises(errors.Crashed) as caught:
        await misbehaving.parse(deed, "a.txt", LIMITS)
    assert caught.value.quarantine
    assert (await misbehaving.parse(b"behave", "a.txt", LIMITS)).text == "behave"


async def test_output_is_bounded(misbehaving):
    limits = IngestionSettings(parser_output_bytes=1_000_000)
    with pytest.raises(errors.OutputTooLarge):
        await misbehaving.parse(b"babble", "a.txt", limits)
    await asyncio.sleep(0.5)
    assert not parser_processes(misbehaving)


async def test_an_unknown_exception_is_broken_and_tells_nothing_of_the_text(misbehaving):
    with pytest.raises(errors.Broken) as caught:
        await misbehaving.parse(b"raise secret words", "a.txt", LIMITS)
    assert "secret" not in caught.value.reason + caught.value.detail
    assert "RuntimeError" in caught.value.detail


async def test_one_that_hangs_does_not_hold_up_the_others(misbehaving):
    slow = asyncio.create_task(misbehaving.parse(b"sleep", "a.txt", IngestionSettings(parser_wall_s=5)))
    await asyncio.sleep(0.3)
    started = time.monotonic()
    assert (await misbehaving.parse(b"behave", "a.txt", LIMITS)).text == "behave"
    assert time.monotonic() - started < 3
    with pytest.raises(errors.TimedOut):
        await slow


@pytest.mark.skipif(sys.platform != "linux", reason="the filter is Linux's")
@pytest.mark.parametrize("deed", [b"connect", b"run a program", b"fork", b"kill the parent", b"read secrets"])
async def test_the_parser_is_confined(misbehaving, monkeypatch, deed):
    monkeypatch.setenv("FOOTNOTE_TEST_SECRET", "hunter2")
    document = await misbehaving.parse(deed, "a.txt", LIMITS)
    assert document.text == "refused"


@pytest.mark.skipif(not HAS_LANDLOCK, reason="the kernel has no Landlock")
@pytest.mark.parametrize("deed", [b"read the parent's environment", b"read a file", b"write a file"])
async def test_files_are_out_of_reach(misbehaving, deed):
    assert (await misbehaving.parse(deed, "a.txt", LIMITS)).text == "refused"
    assert (await misbehaving.parse(b"write its own folder", "a.txt", LIMITS)).text == "4"


async def test_each_document_has_a_folder_of_its_own_that_goes_away(misbehaving):
    folder = (await misbehaving.parse(b"where", "a.txt", LIMITS)).text
    assert "parser-" in folder
    assert not Path(folder).exists()


async def test_an_idle_parser_process_ends_and_another_takes_over(misbehaving, monkeypatch):
    monkeypatch.setattr(
        "footnote.knowledge.parsing.sandbox._KEPT_VARIABLES", ("PATH", "FOOTNOTE_TEST_IDLE_S")
    )
    monkeypatch.setenv("FOOTNOTE_TEST_IDLE_S", "0.3")
    assert (await misbehaving.parse(b"one", "a.txt", LIMITS)).text == "one"
    process = misbehaving._process
    await asyncio.sleep(1.5)
    assert process.poll() == 0
    assert (await misbehaving.parse(b"two", "a.txt", LIMITS)).text == "two"


async def test_a_killed_parser_process_is_started_again(sandbox):
    await sandbox.parse(b"One.", "a.txt", LIMITS)
    first = sandbox._process.pid
    os.kill(first, signal.SIGKILL)
    assert (await sandbox.parse(b"Two.", "a.txt", LIMITS)).text == "Two."
    assert sandbox._process.pid != first


async def test_a_parser_process_killed_at_work_is_reported_and_replaced(misbehaving):
    task = asyncio.create_task(misbehaving.parse(b"sleep", "a.txt", LIMITS))
    await asyncio.sleep(1.0)
    process = psutil.Process(misbehaving._process.pid)
    children = process.children()
    process.kill()
    for child in children:
        child.kill()
    with pytest.raises(errors.Crashed):
        await task
    assert (await misbehaving.parse(b"behave", "a.txt", LIMITS)).text == "behave"


async def test_giving_up_ends_the_parser(misbehaving):
    task = asyncio.create_task(misbehaving.parse(b"sleep", "a.txt", LIMITS))
    await asyncio.sleep(1.0)
    assert len(parser_processes(misbehaving)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(50):
        if not parser_processes(misbehaving):
            return
        await asyncio.sleep(0.1)
    pytest.fail("the abandoned parser goes on")


def test_threads_may_share_a_sandbox(sandbox):
    results = []

    def work(number):
        for turn in range(5):
            text = f"{number} {turn}"
            results.append(sandbox.parse_blocking(text.encode(), "a.txt", LIMITS).text == text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 30


async def test_a_missing_parser_module_is_a_defect_of_the_deployment(misbehaving):
    with pytest.raises(ParserUnavailable, match="missing"):
        await misbehaving.parse(b"x", "a.csv", LIMITS)


def test_the_parser_process_ends_with_its_parent():
    script = (
        "import time\nfrom footnote.knowledge.parsing import Sandbox\nbox = Sandbox()\nbox.start()\n"
        "print(box._process.pid, flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    pid = int(parent.stdout.readline())
    assert psutil.pid_exists(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(50):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return
        time.sleep(0.1)
    pytest.fail("the parser process outlives its parent")


def test_it_runs_without_site_packages():
    """As execution environments run it: the base interpreter with -S and everything on PYTHONPATH."""
    script = (
        "from footnote.knowledge.parsing import Sandbox\n"
        "from footnote.platform.settings import IngestionSettings\n"
        "box = Sandbox()\n"
        "print(box.parse_blocking(b'# T\\n\\nText.', 'a.md', IngestionSettings()).title)\n"
        "box.close()\n"
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "T", done.stderr


async def test_small_documents_cost_little(sandbox):
    await sandbox.parse(b"Warm.", "a.txt", LIMITS)
    times = []
    for number in range(30):
        started = time.perf_counter()
        await sandbox.parse(f"Document {number}.".encode(), "a.txt", LIMITS)
        times.append(time.perf_counter() - started)
    # 3 ms on an idle machine; the bound leaves room for a busy one, not for an interpreter per document.
    assert min(times) < 0.05


def test_descriptors_do_not_leak(sandbox):
    sandbox.parse_blocking(b"One.", "a.txt", LIMITS)
    before = psutil.Process().num_fds(), psutil.Process(sandbox._process.pid).num_fds()
    for _ in range(20):
        sandbox.parse_blocking(b"Text.", "a.txt", LIMITS)
    assert (psutil.Process().num_fds(), psutil.Process(sandbox._process.pid).num_fds()) == before


def test_the_worker_module_can_be_imported_without_running():
    assert callable(worker.main)
