"""One exception a type, what it carries, and no secret in anything that is shown."""

from __future__ import annotations

import builtins
import copy
import pickle
import traceback
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from tests.client.fake import PASSWORD, FakeService, Time, envelope, make_client
from vestibule import client as sdk, errors as service_errors
from vestibule.client import (
    AccessForbidden,
    DeviceCode,
    FileStore,
    InvalidRequest,
    KeyringStore,
    MemoryStore,
    Secret,
    ServiceUnavailable,
    ValidationFailed,
    VestibuleError,
)
from vestibule.client.errors import BY_STATUS, BY_TYPE
from vestibule.client.records import tokens_from_json

SECRETS = (PASSWORD, "access-1", "refresh-1", "client-s3cret", "device-secret")


@pytest.mark.parametrize("kind", service_errors.ALL)
def test_each_type_has_an_exception_of_its_name(
    service: FakeService, time: Time, kind: type[service_errors.ApiError]
) -> None:
    service.next.append(envelope(kind.status, kind.type.value, "Why"))

    with pytest.raises(VestibuleError) as caught:
        make_client(service, time).login("alice", PASSWORD)

    assert type(caught.value).__name__ == kind.__name__
    assert (caught.value.code, caught.value.type) == (kind.status, kind.type.value)
    assert str(caught.value) == caught.value.detail == "Why"
    assert not hasattr(builtins, kind.__name__)


def test_an_exception_carries_what_the_answer_says(service: FakeService, time: Time) -> None:
    wrong = {"loc": ["body", "username"], "msg": "Too long", "type": "string_too_long"}
    body = {"code": 422, "detail": "Wrong", "errors": [wrong, "?"], "type": "validation_error"}
    service.next.append(
        httpx.Response(422, json=body, headers={"X-Request-ID": "r-1", "Retry-After": "4"})
    )

    with pytest.raises(ValidationFailed) as caught:
        make_client(service, time).login("alice", PASSWORD)

    error = caught.value
    assert [(item.loc, item.msg) for item in error.errors] == [(("body", "username"), "Too long")]
    assert (error.request_id, error.retry_after) == ("r-1", 4)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.errors, again.code) == (ValidationFailed, error.errors, 422)
    assert copy.copy(error).request_id == "r-1"


@pytest.mark.parametrize(
    ("answer", "expected", "kind"),
    [
        (envelope(403, "new_error"), AccessForbidden, "new_error"),
        (envelope(400, "new_error"), InvalidRequest, "new_error"),
        (envelope(418, "new_error"), VestibuleError, "new_error"),
        (envelope(503, "new_error"), ServiceUnavailable, "new_error"),
        (httpx.Response(503, text="try later"), ServiceUnavailable, "service_unavailable_error"),
        (httpx.Response(502, html="<h1>Bad"), BY_STATUS[502], "bad_gateway_error"),
        (httpx.Response(403, json=["?"]), AccessForbidden, "forbidden_error"),
        (httpx.Response(403, json={"type": 3, "errors": 7}), AccessForbidden, "forbidden_error"),
        (httpx.Response(403, content=b"\xff{"), AccessForbidden, "forbidden_error"),
    ],
)
def test_an_unknown_type_is_the_first_of_its_status(
    service: FakeService, time: Time, answer: httpx.Response, expected: type, kind: str
) -> None:
    service.next.append(answer)

    with pytest.raises(VestibuleError) as caught:
        make_client(service, time).login("alice", PASSWORD)

    assert type(caught.value) is expected
    assert (caught.value.code, caught.value.type) == (answer.status_code, kind)


def test_retry_after_may_be_a_date(service: FakeService, time: Time) -> None:
    moment = format_datetime(datetime.fromtimestamp(time.now + 90, UTC), usegmt=True)
    for value in (moment, "soon", "-1"):
        service.next.append(envelope(429, "rate_limit_error", Retry_After=value))

    found = []
    for _ in range(3):
        with pytest.raises(VestibuleError) as caught:
            make_client(service, time).login("alice", PASSWORD)
        found.append(caught.value.retry_after)

    assert found == [90, None, None]


def test_the_exceptions_are_those_of_the_service() -> None:
    assert list(BY_TYPE) == [kind.type.value for kind in service_errors.ALL]
    assert set(sdk.__all__) >= {kind.__name__ for kind in service_errors.ALL}


def test_no_secret_is_in_a_repr(service: FakeService, time: Time, tmp_path: Path) -> None:
    store = MemoryStore()
    codes: list[DeviceCode] = []
    client = make_client(service, time, client_secret="client-s3cret", store=store)

    session = client.device_login(codes.append)
    tokens = tokens_from_json(store.load("default") or Secret(""))
    shown = [
        repr(thing)
        for thing in (
            client, session, codes, tokens, store, FileStore(tmp_path), KeyringStore(tmp_path),
            client._service, session._custody, session.orgs, Secret(PASSWORD), str(Secret("x")),
        )
    ]  # fmt: skip

    assert tokens is not None
    assert not [secret for secret in SECRETS if secret in "\n".join(shown)]


@pytest.mark.parametrize(
    "failing", [httpx.ConnectError("refused"), envelope(401, "authentication_error")]
)
def test_no_secret_is_in_a_traceback_even_with_its_locals(
    service: FakeService, time: Time, failing: httpx.Response | Exception
) -> None:
    client = make_client(service, time, client_secret="client-s3cret")
    session = client.login("alice", PASSWORD)
    time.now += 900
    service.next += [failing] * 6

    with pytest.raises(VestibuleError) as caught:
        session.user()
    shown = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )

    assert "_renew" in shown
    assert not [secret for secret in SECRETS if secret in shown]
