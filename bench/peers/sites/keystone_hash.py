"""The bare hash of Keystone as it is set."""

import functools

import keystone.conf
from keystone.common import password_hashing

PASSWORD = "correct horse battery staple"


@functools.cache
def hashed() -> str:
    """A hash by the settings."""
    keystone.conf.configure()
    keystone.conf.CONF([], project="keystone", default_config_files=[])
    made: str = password_hashing.hash_password(PASSWORD)
    return made


def verify() -> bool:
    """Check the right password."""
    right: bool = password_hashing.check_password(PASSWORD, hashed())
    return right
