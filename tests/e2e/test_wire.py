"""What a client can do wrong on the wire: the right 4xx, in the envelope, in bounded time."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.server import Server

HEAD = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def exchange(server: Server, *pieces: bytes, half_close: bool = False) -> tuple[int, Any]:
    """Send bytes and read one answer: its status and its JSON."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        for piece in pieces:
            connection.sendall(piece)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while b"\r\n\r\n" not in answer:
            received = connection.recv(65536)
            assert received, answer
            answer += received
        answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += connection.recv(65536)
    assert b"x-request-id: " in head.lower()
    return int(head[9:12]), json.loads(body)


def assert_invalid(answer: tuple[int, Any]) -> None:
    status, body = answer
    assert status == 400
    assert (body["code"], body["type"]) == (400, "invalid_error")
    assert set(body) == {"code", "detail", "type"}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"nonsense\r\n\r\n",
        HEAD + b"Content-Length: abc\r\n\r\n",
        HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n",
        HEAD + FORM + b"Content-Length: 100000000\r\n\r\nusername=a",
        HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"No colon here\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_in_the_envelope(
    server: Server, request_bytes: bytes
) -> None:
    assert_invalid(exchange(server, request_bytes))


def test_a_body_shorter_than_its_length_is_refused_in_time(server: Server) -> None:
    assert_invalid(exchange(server, HEAD + FORM + b"Content-Length: 500\r\n\r\nusername=a"))


def test_a_body_that_never_ends_is_refused(server: Server) -> None:
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"

    assert_invalid(exchange(server, HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\n", chunk * 8))


def test_headers_that_never_end_are_refused(server: Server) -> None:
    assert_invalid(exchange(server, HEAD, b"X-Filler: " + b"a" * 200_000))


def test_many_headers_are_refused(server: Server) -> None:
    assert_invalid(exchange(server, HEAD, b"X-Filler: aaaaaaaa\r\n" * 10_000))


def test_trailers_that_never_end_are_refused(server: Server) -> None:
    start = HEAD + FORM + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"

    assert_invalid(exchange(server, start, b"X-Filler: aaaaaaaa\r\n" * 10_000))


def test_headers_that_come_too_slowly_are_refused(server: Server) -> None:
    assert_invalid(exchange(server, HEAD))


def test_silence_is_refused(server: Server) -> None:
    assert_invalid(exchange(server, b""))


def test_ten_thousand_fields_are_refused(server: Server) -> None:
    body = b"&".join(b"a=" for _ in range(5_000))
    length = b"Content-Length: %d\r\n\r\n" % len(body)

    assert_invalid(exchange(server, HEAD + FORM + length + body))


def test_a_whole_request_that_says_expect_is_answered(server: Server) -> None:
    start = HEAD + FORM + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"

    status, body = exchange(server, start)

    assert (status, body["type"]) == (422, "validation_error")


def test_the_memory_stays_bounded_under_all_this(server: Server) -> None:
    def resident() -> int:
        assert server.process is not None
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    before = resident()

    for _ in range(50):
        exchange(server, HEAD, b"X-Filler: " + b"a" * 200_000)
        exchange(server, HEAD + FORM + b"Content-Length: 100000000\r\n\r\n" + b"a" * 50_000)

    assert resident() - before < 20_000


def test_the_service_still_answers(server: Server) -> None:
    status, body = exchange(server, b"GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")

    assert (status, body) == (200, {"status": "ok"})
