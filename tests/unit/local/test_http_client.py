"""The client keeps connections, and takes a server's every way to end an answer."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from local.http import HttpClient, HttpError


@asynccontextmanager
async def serving(*answers, per_connection=100):
    """A server that gives these answers in turn, and lists what it was sent."""
    remaining = list(answers)
    received = []
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        for _ in range(per_connection):
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            length = next(
                (
                    int(line[16:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            received.append(head + await reader.readexactly(length))
            for piece in remaining.pop(0):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
            if head.startswith(b"GET /close"):
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = HttpClient("127.0.0.1", server.sockets[0].getsockname()[1], timeout_s=2)
    try:
        yield client, received, connections
    finally:
        client.close()
        server.close()


OK = [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok"]


async def test_a_connection_is_used_again():
    async with serving(OK, OK, OK) as (client, received, connections):
        for _ in range(3):
            response = await client.request("POST", "/path?q=1", headers=[(b"X-B", b"c")], body=b"body")
            assert (response.status, response.body, response.header(b"x-a")) == (200, b"ok", b"b")
        assert len(connections) == 1
    assert received[0].startswith(b"POST /path?q=1 HTTP/1.1\r\nX-B: c\r\nhost: 127.0.0.1:")
    assert received[0].endswith(b"content-length: 4\r\n\r\nbody")


async def test_a_connection_that_the_server_closed_is_replaced():
    async with serving(OK, OK, per_connection=1) as (client, received, connections):
        for _ in range(2):
            assert (await client.request("GET", "/")).body == b"ok"
        assert len(connections) == len(received) == 2


@pytest.mark.parametrize(
    ("method", "pieces", "body"),
    [
        (
            "GET",
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n"],
            b"abc",
        ),
        ("GET", [b"HTTP/1.1 200", b" OK\r\nContent-Le", b"ngth: 3\r\n\r\na", b"bc"], b"abc"),
        ("HEAD", [b"HTTP/1.1 200 OK\r\nContent-Len", b"gth: 3\r\n\r\n"], b""),
        ("GET", [b"HTTP/1.1 204 No Content\r\n\r\n"], b""),
    ],
)
async def test_answers_of_all_kinds(method, pieces, body):
    async with serving(pieces) as (client, _, _):
        response = await client.request(method, "/")
        assert response.body == body
        assert response.status in (200, 204)


async def test_an_answer_may_end_with_the_connection():
    async with serving([b"HTTP/1.1 200 OK\r\n\r\nall of it"]) as (client, _, _):
        assert (await client.request("GET", "/close")).body == b"all of it"


@pytest.mark.parametrize(
    "pieces", [[b"nonsense\r\n\r\n"], [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]]
)
async def test_broken_answers_are_errors(pieces):
    async with serving(pieces) as (client, _, _):
        with pytest.raises(HttpError):
            await client.request("GET", "/close")


async def test_a_silent_server_runs_into_the_limit():
    async with serving([b""]) as (client, _, _):
        with pytest.raises(TimeoutError):
            await client.request("GET", "/", timeout_s=0.1)


async def test_nobody_there():
    with pytest.raises(HttpError, match="refuses"):
        await HttpClient("127.0.0.1", 1).request("GET", "/")
