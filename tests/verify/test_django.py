"""The middleware for Django, in a process of its own, because Django is set up once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, Any]]:
    """What the site answered, by what was asked and how it ran."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.verify.django_site"],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return told


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest, answers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = answers[request.param]
    return found


def test_the_token_is_at_the_request(way: dict[str, Any]) -> None:
    assert way["good"] == {"status": 200, "body": "alice", "challenge": None}


def test_without_a_token_no_view_is_reached(way: dict[str, Any]) -> None:
    assert way["missing"]["status"] == 401
    assert way["missing"]["challenge"] == 'Bearer realm="vestibule"'
    assert json.loads(way["missing"]["body"]) == {
        "code": 401,
        "detail": "An access token is needed",
        "type": "authentication_error",
    }


def test_a_bad_token_is_refused(way: dict[str, Any]) -> None:
    assert way["bad"]["status"] == 401
    assert 'error="invalid_token"' in way["bad"]["challenge"]


def test_a_scope_that_the_view_asks_for_is_403(way: dict[str, Any]) -> None:
    assert way["scope"]["status"] == 403
    assert json.loads(way["scope"]["body"])["type"] == "insufficient_scope_error"
    assert 'scope="admin"' in way["scope"]["challenge"]


def test_an_excluded_path_is_open(way: dict[str, Any]) -> None:
    assert way["excluded"]["status"] == 200
    assert way["excluded"]["body"] == "None"


def test_a_token_that_is_bound_to_a_key_needs_its_proof_once(way: dict[str, Any]) -> None:
    assert way["dpop"]["status"] == 200
    assert way["dpop again"]["status"] == 401
    assert 'error="invalid_dpop_proof"' in way["dpop again"]["challenge"]
    assert way["dpop as bearer"]["status"] == 401


def test_an_error_of_the_view_is_the_views_own(way: dict[str, Any]) -> None:
    assert way["broken"]["status"] == 500


def test_settings_alone_make_a_verifier(answers: dict[str, dict[str, Any]]) -> None:
    assert answers["settings"] == {"issuer": True, "missing issuer": "AttributeError"}
