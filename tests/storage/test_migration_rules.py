"""Each migration says whether it expands or contracts, and one that expands takes nothing away."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from vestibule.storage import schema

VERSIONS = Path(schema.__file__).parent / "migrations" / "versions"
KINDS = {"expand", "contract"}
RISKY = {
    "drop_table", "drop_column", "drop_constraint", "drop_index", "rename_table", "alter_column",
    "create_check_constraint", "create_foreign_key", "create_unique_constraint",
    "create_exclude_constraint", "create_primary_key", "bulk_insert", "execute",
}  # fmt: skip
"""What one that expands may not ask for: it takes away, tightens, or can't be judged here."""


def complaints(source: str) -> list[str]:
    """What is against the rules of docs/migrations.md in a migration's source."""
    tree = ast.parse(source)
    kind = _kind(tree)
    if kind not in KINDS:
        return ["KIND is neither 'expand' nor 'contract'"]
    found = []
    created = set(_names(tree, "create_table"))
    for call, name in _calls(tree):
        if kind == "expand" and name in RISKY:
            found.append(f"{name} in a migration that expands")
        if name in {"Column", "add_column"} and _is_added(tree, call) and _is_demanded(call):
            found.append("a column is added that must be given")
        table = _text(call.args[1]) if name == "create_index" and len(call.args) > 1 else None
        if table and table not in created and not _says(call, "postgresql_concurrently"):
            found.append(f"an index on {table} holds up whoever writes there")
    return found


def _kind(tree: ast.Module) -> str | None:
    for node in tree.body:
        if isinstance(node, ast.Assign) and _target(node) == "KIND":
            return _text(node.value)
    return None


def _target(node: ast.Assign) -> str:
    first = node.targets[0]
    return first.id if isinstance(first, ast.Name) else ""


def _upgrading(tree: ast.Module) -> Iterator[ast.AST]:
    """All of it but the way back."""
    for node in tree.body:
        if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade"):
            yield from ast.walk(node)


def _calls(tree: ast.Module) -> Iterator[tuple[ast.Call, str]]:
    for node in _upgrading(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.attr


def _names(tree: ast.Module, operation: str) -> Iterator[str]:
    for call, name in _calls(tree):
        if name == operation and call.args and (table := _text(call.args[0])):
            yield table


def _is_added(tree: ast.Module, column: ast.Call) -> bool:
    """Whether it is a column that a table which is there gets."""
    return any(
        name == "add_column" and column in ast.walk(call) and column is not call
        for call, name in _calls(tree)
    )


def _is_demanded(column: ast.Call) -> bool:
    given = {keyword.arg: keyword.value for keyword in column.keywords}
    nullable = given.get("nullable")
    may_be_null = nullable is None or (
        isinstance(nullable, ast.Constant) and nullable.value is True
    )
    return not may_be_null and "server_default" not in given


def _says(call: ast.Call, keyword: str) -> bool:
    return any(
        given.arg == keyword and isinstance(given.value, ast.Constant) and given.value.value is True
        for given in call.keywords
    )


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("0*.py")), ids=lambda path: path.stem)
def test_the_migrations_keep_to_the_rules(path: Path) -> None:
    assert complaints(path.read_text()) == []


EXPANDS = 'KIND = "expand"\n'


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def upgrade(): pass", "KIND is neither 'expand' nor 'contract'"),
        (
            EXPANDS + 'def upgrade(): op.drop_column("users", "email_address")',
            "drop_column in a migration that expands",
        ),
        (
            EXPANDS + 'def upgrade(): op.execute("DROP TABLE users")',
            "execute in a migration that expands",
        ),
        (
            EXPANDS + 'def upgrade(): op.add_column("users", sa.Column("a", X, nullable=False))',
            "a column is added that must be given",
        ),
        (
            EXPANDS + 'def upgrade(): op.create_index("ix", "users", ["a"])',
            "an index on users holds up whoever writes there",
        ),
    ],
)
def test_what_is_against_the_rules_is_named(source: str, complaint: str) -> None:
    assert complaints(source) == [complaint]


@pytest.mark.parametrize(
    "source",
    [
        'def upgrade():\n op.create_table("a")\n op.create_index("ix", "a", ["b"])',
        'def upgrade(): op.add_column("a", sa.Column("b", X, nullable=False, server_default="c"))',
        'def upgrade(): op.add_column("a", sa.Column("b", X, nullable=True))',
        'def upgrade(): op.create_index("ix", "a", ["b"], postgresql_concurrently=True)',
        'def upgrade(): pass\ndef downgrade(): op.drop_table("a")',
    ],
)
def test_what_only_adds_keeps_to_them(source: str) -> None:
    assert complaints(EXPANDS + source) == []
