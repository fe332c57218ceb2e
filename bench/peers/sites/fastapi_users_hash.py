"""The bare hash of fastapi-users, through its own helper."""

from fastapi_users_site import PASSWORD, helper

HELPER = helper()
HASHED = HELPER.hash(PASSWORD)


def verify() -> bool:
    """Check the right password."""
    right: bool = HELPER.verify_and_update(PASSWORD, HASHED)[0]
    return right
