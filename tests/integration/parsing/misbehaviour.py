"""A parser process whose plain-text parser does what its document says: the sandbox is tested with it."""

import ctypes
import os
import signal
import socket
import stat
import sys
import time
from pathlib import Path

from footnote.knowledge.models import Block, ParsedDocument
from footnote.knowledge.parsing import dispatch, text, wire, worker


def answer(words):
    return ParsedDocument(text=words, blocks=(Block(0, len(words), "paragraph"),), title="t")


def swell():
    kept = []
    while True:
        kept.append(bytearray(10_000_000))


def hang():
    while True:
        pass


def ignore_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_IGN)
    hang()


def channel():
    """The descriptor that answers go to: the only socket that is open."""
    return next(number for number in range(3, 64) if _is_socket(number))


def _is_socket(number):
    try:
        return stat.S_ISSOCK(os.fstat(number).st_mode)
    except OSError:
        return False


def babble():
    while True:
        os.write(channel(), b"x" * 100_000)


def half_an_answer():
    os.write(channel(), wire.HEADER.pack(wire.RESULT, 1_000_000) + b"{")
    os._exit(0)


def lie():
    body = b'{"text": "a", "blocks": [[5, 2, "paragraph", null, 0, 1]], "names": [null, []], "title": "t"}'
    os.write(channel(), wire.HEADER.pack(wire.RESULT, len(body)) + body)
    os._exit(0)


def refused(deed):
    """`refused` if the deed ends in a permission error, else what it gave."""
    try:
        return answer(f"it worked: {deed()}")
    except PermissionError:
        return answer("refused")


def read_secrets():
    """The environment holds no secrets, and the parent's memory is out of reach."""
    if any("SECRET" in name for name in os.environ):
        return answer("secrets in the environment")
    libc = ctypes.CDLL(None, use_errno=True)
    return answer("refused" if libc.ptrace(16, os.getppid(), 0, 0) == -1 else "attached")


DEEDS = {
    "swell": swell,
    "hang": hang,
    "sleep": lambda: time.sleep(120),
    "ignore signals": ignore_signals,
    "exit": lambda: os._exit(7),
    "no answer": lambda: os._exit(0),
    "crash": lambda: ctypes.string_at(0),
    "abort": os.abort,
    "babble": babble,
    "half an answer": half_an_answer,
    "lie": lie,
    "connect": lambda: refused(lambda: socket.create_connection(("127.0.0.1", 9), timeout=1)),
    "run a program": lambda: refused(lambda: os.execv(sys.executable, [sys.executable, "-V"])),
    "fork": lambda: refused(os.fork),
    "kill the parent": lambda: refused(lambda: os.kill(os.getppid(), signal.SIGKILL)),
    "read secrets": read_secrets,
    "read the parent's environment": lambda: refused(Path(f"/proc/{os.getppid()}/environ").read_bytes),
    "read a file": lambda: refused(Path("/etc/passwd").read_bytes),
    "write a file": lambda: refused(lambda: Path("/tmp/footnote-parser-was-here").write_text("x")),
    "write its own folder": lambda: answer(str(Path("note.txt").write_text("fine"))),
    "where": lambda: answer(str(Path.cwd())),
}


def parse(source):
    words = source.data.decode()
    if words.startswith("raise"):
        raise RuntimeError(words)
    deed = DEEDS.get(words)
    return deed() if deed else answer(words)


if __name__ == "__main__":
    text.parse = parse
    load = dispatch.load

    def load_or_miss(module):
        if module == "csv":
            raise ImportError("no module named 'charset_normalizer'")
        load(module)

    worker.load = load_or_miss
    worker.IDLE_S = float(os.environ.get("FOOTNOTE_TEST_IDLE_S", worker.IDLE_S))
    worker.main()
