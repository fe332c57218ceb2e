"""The commands of organizations that change who owns and who belongs."""

from __future__ import annotations

from tests.cli.test_commands import Run, as_json, run

__all__ = ["run"]


def test_members_come_own_and_go(run: Run) -> None:
    run("org", "create", "acme")
    for name in ("alice", "bob"):
        run("user", "create", name, "--no-password")
    run("org", "add-member", "acme", "alice", "--role", "owner")
    run("org", "add-member", "acme", "bob")

    stays = run("org", "remove-member", "acme", "alice", ok=False)
    heir = as_json(run("org", "transfer", "acme", "bob", "--json"))
    listed = as_json(run("org", "members", "acme", "--json"))
    run("org", "remove-member", "acme", "alice")

    assert "at least one owner" in stays.stderr
    assert heir["role"] == "owner"
    assert [(row["username"], row["role"]) for row in listed] == [
        ("alice", "admin"), ("bob", "owner"),
    ]  # fmt: skip
    assert "alice" not in run("org", "members", "acme").stdout
    run("org", "remove-member", "acme", "alice", ok=False)
    run("org", "transfer", "acme", "alice", ok=False)
    run("org", "members", "none", ok=False)


def test_workspaces(run: Run) -> None:
    run("org", "create", "acme")

    made = as_json(run("org", "create-workspace", "acme", "lab", "--name", "Lab", "--json"))
    listed = as_json(run("org", "workspaces", "acme", "--json"))
    again = run("org", "create-workspace", "acme", "lab", ok=False)

    assert (made["key"], made["name"], made["is_default"]) == ("lab", "Lab", False)
    assert [(row["key"], row["is_default"]) for row in listed] == [
        ("default", True), ("lab", False),
    ]  # fmt: skip
    assert "already" in again.stderr
    run("org", "create-workspace", "acme", "No Key", ok=False)
    run("org", "workspaces", "none", ok=False)
