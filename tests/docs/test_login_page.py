"""The Login page, drawn from our OpenAPI document, against the page of the contract."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import Page, read
from tests.e2e.server import Server

FETCH = """\
const url = 'https://example.com/api/v1/auth/login';
const options = {
  method: 'POST',
  headers: {'Content-Type': 'application/x-www-form-urlencoded'},
  body: new URLSearchParams({
    client_id: 'example',
    client_secret: 'example',
    grant_type: 'password',
    password: 'example',
    scope: '',
    username: 'example'
  })
};

try {
  const response = await fetch(url, options);
  const data = await response.json();
  console.log(data);
} catch (error) {
  console.error(error);
}"""
CURL = r"""
curl --request POST \
  --url https://example.com/api/v1/auth/login \
  --header 'Content-Type: application/x-www-form-urlencoded' \
  --data client_id=example \
  --data client_secret=example \
  --data grant_type=password \
  --data password=example \
  --data scope= \
  --data username=example
""".strip()

ERROR = (
    "Canonical API error envelope returned by the API.",
    "object",
    "HTTP status code",
    "Human-readable error message",
    "object",
    "Where the validation error occurred",
    "Human-readable validation message",
    "Machine-readable validation error type",
    "Stable machine-readable error type",
    "Example",
)
STATUSES = (
    "Invalid request", "Authentication failed", "Access forbidden", "Not found", "Already exists",
    "Validation error", "Upgrade required", "Rate limited", "Internal server error", "Bad gateway",
    "Gateway timeout",
)  # fmt: skip
SENTENCES = (
    "Login",
    *(" ".join(line.split()) for sample in (FETCH, CURL) for line in sample.splitlines() if line),
    "Login with username and password",
    "Request Body",
    "required",
    "Section titled “Request Body",
    "Responses",
    "Section titled “ Responses ”",
    "Successful Response",
    "Response containing an access token.",
    "object",
    "Organization info for auth responses.",
    "object",
    "Example",
    *(sentence for status in STATUSES for sentence in (status, *ERROR)),
)
"""The page of the contract, sentence by sentence. Its samples say `example` for `grant_type` too,
which the service does not take."""


@pytest.fixture(scope="module")
def page(site: Path) -> Page:
    return read(site / "reference" / "operations" / "login" / "index.html")


def test_it_holds_every_sentence_in_the_order_of_the_contract(page: Page) -> None:
    rest = page.text
    for sentence in SENTENCES:
        _, found, rest = rest.partition(sentence)

        assert found, f"{sentence!r} does not stand where it should, before {rest[:200]!r}"


def test_it_has_the_fields_and_the_twelve_responses(page: Page) -> None:
    for name in ("client_id", "client_secret", "grant_type", "password", "scope", "username"):
        assert name in page.text
    statuses = {"200", "400", "401", "403", "404", "409", "422", "426", "429", "500", "502", "504"}
    assert {anchor for anchor in page.anchors if anchor.isdigit()} == statuses


def test_the_examples_of_errors_are_true(page: Page) -> None:
    found = [json.loads(sample) for sample in page.samples if sample.startswith("{")]

    assert [example["code"] for example in found if "code" in example] == [
        400, 401, 403, 404, 409, 422, 426, 429, 500, 502, 504,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def real(server: Server) -> dict[str, str]:
    """What may stand where the samples say `example`."""
    created = server.cli("client", "create", "sampler", "--grant", "password", "--json")
    client = json.loads(created.stdout)
    return {
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "password": server.first["password"],
        "username": server.first["username"],
    }


@pytest.mark.parametrize(("sample", "command"), [(FETCH, "node --input-type=module"), (CURL, "sh")])
def test_both_samples_sign_in_once_real_values_stand_in_them(
    page: Page, server: Server, real: dict[str, str], sample: str, command: str
) -> None:
    assert sample in page.samples
    program = sample.replace("https://example.com", server.url)
    for name, value in real.items():
        program = program.replace(f"{name}: 'example'", f"{name}: '{value}'")
        program = program.replace(f"{name}=example", f"{name}={value}")

    done = subprocess.run(
        command.split(), input=program, capture_output=True, text=True, check=True
    )

    assert "access_token" in done.stdout
    assert "default_org" in done.stdout
