"""What a new password must be."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from vestibule.errors import ValidationFailed
from vestibule.passwords.policy import check_new_password, common_passwords


def broken(password: str, *, username: str = "alice", email: str | None = None) -> list[str]:
    try:
        check_new_password(SecretStr(password), username=username, email=email)
    except ValidationFailed as error:
        return [item.type for item in error.errors or []]
    return []


def test_the_password_is_not_in_the_error() -> None:
    with pytest.raises(ValidationFailed) as refused:
        check_new_password(SecretStr("zq8kp"), username="alice", email=None)

    assert "zq8kp" not in repr(refused.value.payload())


@pytest.mark.parametrize(
    ("password", "rules"),
    [
        ("zq8 kp1", ["password_too_short"]),
        ("zq8 kp1v", []),
        ("äöü€żłđħ", []),
        ("z q" * 341 + "z", []),
        ("z q" * 341 + "zz", ["password_too_long"]),
        ("        " * 2, []),
        ("all lower case and nothing else", []),
        ("zq8\x00kp1v", ["password_not_allowed"]),
        ("password", ["password_common"]),
        ("PassWord", ["password_common"]),
        ("iloveyou", ["password_common"]),
        ("my-ALICE-secret", ["password_contains_username"]),
    ],
)
def test_each_rule(password: str, rules: list[str]) -> None:
    assert broken(password) == rules


def test_the_addresses_local_part_counts_as_a_name() -> None:
    assert broken("liddell-1865", email="liddell@example.org") == ["password_contains_username"]


def test_a_very_short_name_may_stand_in_a_password() -> None:
    assert broken("zq8 al kp1v", username="al") == []


def test_the_list_is_as_long_as_asvs_asks() -> None:
    assert len(common_passwords()) >= 3000
    assert all(len(item) >= 8 for item in common_passwords())
