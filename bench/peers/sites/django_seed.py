"""Tables, users and a public client: `django_seed.py COUNT CLIENT_ID`."""

from __future__ import annotations

import sys

import django


def main(count: int, client_id: str) -> None:
    """Make them."""
    django.setup()
    from django.contrib.auth.hashers import make_password
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    hashed = make_password("correct horse battery staple")
    User.objects.bulk_create(User(username=f"user{i}", password=hashed) for i in range(count))
    Application.objects.create(
        client_id=client_id,
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_PASSWORD,
        name="bench",
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
