"""The parameters that all are compared with, and the bare hash of Django as it is set."""

import functools

import django
from django.contrib.auth.hashers import Argon2PasswordHasher, check_password, make_password

PASSWORD = "correct horse battery staple"


class Argon2(Argon2PasswordHasher):
    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1


@functools.cache
def hashed() -> str:
    """A hash by the first hasher of the settings."""
    django.setup()
    made: str = make_password(PASSWORD)
    return made


def verify() -> bool:
    """Check the right password."""
    right: bool = check_password(PASSWORD, hashed())
    return right
