"""A person's commands, run as a person or a script would, against a service of the contract."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import keyring
import pytest
from keyring.backends import fail
from typer.testing import CliRunner, Result

from tests.client.fake import PASSWORD, FakeService, envelope
from tests.client.listening import listening
from tests.client.test_stores import Ring
from vestibule.cli.main import app

COMMAND = str(Path(sys.executable).parent / "vestibule")
Run = Callable[..., Result]
Keyring = keyring.backend.KeyringBackend
NO_KEYRING = "keyring.backends.fail.Keyring"


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def url(service: FakeService) -> Iterator[str]:
    with listening(service) as address:
        yield address


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands keep things: a home of the test's own."""
    for name in [name for name in os.environ if name.startswith("VESTIBULE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture(params=["keyring", "file"])
def backend(request: pytest.FixtureRequest) -> Iterator[Keyring]:
    """A desktop with a keyring, and a server without one."""
    former = keyring.get_keyring()
    made: Keyring = Ring() if request.param == "keyring" else fail.Keyring()  # type: ignore[no-untyped-call]
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(former)


@pytest.fixture
def run(home: Path, backend: Keyring) -> Run:
    """Run a command, which must end with the given code."""

    def invoke(*arguments: str, stdin: str = "", code: int = 0) -> Result:
        result = CliRunner().invoke(app, list(arguments), input=stdin)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return invoke


def log_in(run: Run, url: str, *options: str, username: str = "alice") -> Result:
    return run("login", "--url", url, "--username", username, *options, stdin=PASSWORD + "\n")


def as_json(result: Result) -> Any:
    return json.loads(result.stdout)


def everything_kept(home: Path) -> str:
    return "".join(path.read_text() for path in home.rglob("*") if path.is_file())


def test_a_person_signs_in_looks_around_switches_and_signs_out(
    run: Run, url: str, service: FakeService
) -> None:
    signed_in = log_in(run, url)
    me = run("whoami")
    run("org", "switch", "other")
    elsewhere = as_json(run("whoami", "--json"))
    out = run("logout")
    again = as_json(run("logout", "--json"))

    assert signed_in.stdout == "Signed in as alice in acme.\n"
    assert me.stdout == f"alice in acme at {url}\n"
    assert (elsewhere["org"], elsewhere["user"]["username"]) == ("other", "alice")
    assert [org["key"] for org in elsewhere["orgs"]] == ["acme", "other"]
    assert out.stdout == "Signed out.\n"
    assert again == {"profile": "default", "signed_out": False}
    assert "vestibule login" in run("whoami", code=1).stderr
    assert service.seen["/api/v1/auth/logout"] == 1


def test_the_next_login_needs_the_password_alone(run: Run, url: str, service: FakeService) -> None:
    log_in(run, url)

    again = as_json(run("login", "--org", "other", "--json", stdin=PASSWORD + "\n"))

    assert (again["username"], again["url"], again["org"]) == ("alice", url, "other")
    assert service.body()["scope"] == "org:other"
    assert service.body()["password"] == PASSWORD


def test_a_token_is_printed_with_nothing_beside_it(
    run: Run, url: str, service: FakeService
) -> None:
    service.lifetime = 50  # half of it is the time before which it is not replaced
    log_in(run, url)

    plain = run("token")
    told = as_json(run("token", "--json"))

    assert (plain.stdout, plain.stderr) == ("access-1\n", "")
    assert told["access_token"] == "access-1"
    assert isinstance(told["expires_at"], int)


def test_a_token_that_has_ended_is_refreshed(run: Run, url: str, service: FakeService) -> None:
    service.lifetime = -1
    log_in(run, url)
    service.lifetime = 900

    assert run("token").stdout == "access-2\n"
    assert run("token").stdout == "access-2\n"
    assert service.spent == ["refresh-1"]


def test_profiles_are_apart(
    run: Run, url: str, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(run, url)
    log_in(run, url, "--profile", "work/../x", username="bob")

    run("logout")

    assert run("token", "--profile", "work/../x").stdout == "access-2\n"
    monkeypatch.setenv("VESTIBULE_PROFILE", "work/../x")
    assert run("token").stdout == "access-2\n"
    assert "--profile nobody" in run("token", "--profile", "nobody", code=1).stderr
    assert service.body(-1) == {"refresh_token": "refresh-1"}


def test_no_secret_is_in_the_profiles_and_where_it_is_only_the_owner_reads(
    run: Run, url: str, home: Path, backend: Keyring
) -> None:
    printed = log_in(run, url)
    again = log_in(run, url)

    config = json.loads((home / "config" / "vestibule" / "config.json").read_text())
    has_keyring = isinstance(backend, Ring)
    assert config["profiles"]["default"] == {
        "url": url, "username": "alice", "org": "acme",
        "store": "keyring" if has_keyring else "file", "allow_insecure_http": False,
    }  # fmt: skip
    assert ("refresh-2" in everything_kept(home)) == (not has_keyring)
    assert PASSWORD not in everything_kept(home)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert ("No keyring" in printed.stderr) == (not has_keyring)
    assert "No keyring" not in again.stderr
    if isinstance(backend, Ring):
        assert [name for _, name in backend.kept] == ["default"]


def test_tokens_move_to_a_keyring_once_there_is_one(run: Run, url: str, home: Path) -> None:
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    log_in(run, url)
    keyring.set_keyring(Ring())

    log_in(run, url)

    assert "refresh-" not in everything_kept(home)
    assert run("token").stdout == "access-2\n"


def test_a_device_login_shows_where_and_signs_in(run: Run, url: str, service: FakeService) -> None:
    shown = {
        "device_code": "device-secret", "user_code": "BCDF-\x1b[31mGHJK", "expires_in": 60,
        "verification_url": f"{url}/login/device", "interval": 1,
    }  # fmt: skip
    service.next.append(httpx.Response(200, json=shown))

    done = run("login", "--device", "--url", url, "--json")

    assert as_json(done)["username"] == "alice"
    assert "BCDF-[31mGHJK" in done.stderr
    assert f"{url}/login/device" in done.stderr
    assert "device-secret" not in done.output


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (envelope(401, "authentication_error", "Authentication failed"), 1, "Authentication"),
        (envelope(429, "rate_limit_error", "Too many attempts", Retry_After="9"), 1, "Too many"),
        (httpx.Response(200, text="a hotel"), 2, "no Vestibule"),
        (
            httpx.Response(
                422,
                json={
                    "code": 422, "detail": "Wrong", "type": "validation_error",
                    "errors": [{"loc": ["body", "username"], "msg": "Too long", "type": "x"}],
                },
            ),
            1,
            "username: Too long",
        ),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_said_in_a_sentence(
    run: Run, url: str, service: FakeService, answer: httpx.Response, code: int, said: str
) -> None:
    service.next.append(answer)

    done = run("login", "--url", url, "--username", "alice", stdin=f"{PASSWORD}\n", code=code)

    assert said in done.stderr
    assert done.stdout == ""
    assert PASSWORD not in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["login"], "--url"),
        (["login", "--url", "http://127.0.0.1:9"], "--username"),
        (["login", "--url", "http://10.0.0.1", "-u", "a"], "Plain http"),
        (["login", "--url", "http://127.0.0.1:9", "-u", "a"], "can't be reached"),
        (["login", "--url", "nonsense", "-u", "a"], "https://"),
        (["login", "--password", "x"], "--password"),
    ],
)
def test_what_can_not_be_asked_ends_with_two(run: Run, arguments: list[str], said: str) -> None:
    assert said in run(*arguments, code=2).stderr


def test_a_service_that_is_gone_can_be_forgotten(
    run: Run, url: str, service: FakeService, home: Path
) -> None:
    log_in(run, url)
    service.next += [httpx.Response(503)] * 3

    refused = run("logout", code=2)
    still = run("token")
    run("logout", "--local")

    assert "503" in refused.stderr
    assert still.stdout == "access-1\n"
    run("token", code=1)
    assert "refresh-" not in everything_kept(home)


def test_damaged_profiles_are_said_to_be(run: Run, home: Path) -> None:
    path = home / "config" / "vestibule" / "config.json"
    path.parent.mkdir(parents=True)
    path.write_text("{")

    assert "is damaged" in run("whoami", code=2).stderr
    path.write_text('{"profiles": {"default": {"url": 3}}}')
    assert "Nobody" in run("whoami", code=1).stderr


# In processes of their own


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PYTHON_KEYRING_BACKEND": NO_KEYRING}


def test_a_script_uses_the_token(url: str, environment: dict[str, str]) -> None:
    script = f"""
        set -eu
        echo '{PASSWORD}' | {COMMAND} login --url {url} --username alice >/dev/null
        TOKEN=$({COMMAND} token)
        curl --silent --fail --header "Authorization: Bearer $TOKEN" {url}/api/v1/user
    """

    done = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, check=True
    )

    assert json.loads(done.stdout) == {"username": "alice"}


def test_two_processes_that_need_a_token_refresh_once(
    url: str, service: FakeService, environment: dict[str, str]
) -> None:
    def command(*arguments: str, stdin: str = "") -> str:
        return subprocess.run(
            [COMMAND, *arguments], env=environment, input=stdin, capture_output=True, text=True,
            check=True,
        ).stdout  # fmt: skip

    service.lifetime = -1
    command("login", "--url", url, "--username", "alice", stdin=PASSWORD + "\n")
    service.lifetime = 900

    with ThreadPoolExecutor(4) as pool:
        tokens = set(pool.map(lambda _: command("token"), range(4)))

    assert tokens == {"access-2\n"}
    assert service.spent == ["refresh-1"]


def test_ctrl_c_ends_a_device_login_quietly(url: str, environment: dict[str, str]) -> None:
    with subprocess.Popen(
        [COMMAND, "login", "--device", "--url", url],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        while "Waiting" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=10)

    assert process.returncode == 130
    assert "Traceback" not in "".join(rest)


@pytest.mark.parametrize(
    ("missing", "arguments", "said"),
    [
        ("sqlalchemy", "serve --port 1", "vestibule[server]"),
        ("sqlalchemy", "user list", "vestibule[server]"),
        ("sqlalchemy", "org create acme", "vestibule[server]"),
        ("httpx", "login --device", "vestibule[cli]"),
        ("httpx", "org switch acme", "vestibule[cli]"),
    ],
)
def test_a_command_whose_extra_is_missing_names_it(
    environment: dict[str, str], missing: str, arguments: str, said: str
) -> None:
    done = without(missing, arguments, environment)

    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_what_is_installed(environment: dict[str, str]) -> None:
    person = without("sqlalchemy", "--help", environment).stdout
    server = without("httpx", "--help", environment).stdout
    orgs = without("sqlalchemy", "org --help", environment).stdout

    assert "whoami" in person
    assert "migrate" not in person
    assert "migrate" in server
    assert "whoami" not in server
    assert "switch" in orgs


def test_a_persons_commands_need_nothing_of_the_server(environment: dict[str, str]) -> None:
    server = "fastapi,starlette,uvicorn,sqlalchemy,structlog,joserfc,alembic,pydantic_settings"

    done = without(server, "whoami", environment)

    assert done.returncode == 1
    assert "Nobody is signed in" in done.stderr


def without(
    modules: str, arguments: str, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command where some libraries are not installed."""
    program = textwrap.dedent(
        f"""
        import sys

        class Refuse:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in {modules.split(",")!r}:
                    raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

        sys.meta_path.insert(0, Refuse())
        from vestibule.cli.main import main
        main()
        """
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments.split()],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
