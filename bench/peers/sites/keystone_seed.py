"""More users after the first one: `keystone_seed.py DATABASE_URL COUNT`.

`keystone-manage bootstrap` makes the first, named user0. The others are copies of its rows, with
its password: hashing each would take minutes.
"""

from __future__ import annotations

import sys
import uuid

from sqlalchemy import MetaData, create_engine, insert, select


def main(url: str, count: int) -> None:
    """Make them."""
    engine = create_engine(url)
    tables = MetaData()
    tables.reflect(engine, only=["user", "local_user", "password"])
    user, local, password = (tables.tables[n] for n in ("user", "local_user", "password"))
    with engine.begin() as connection:
        found = connection.execute(select(local).where(local.c.name == "user0")).mappings().one()
        first = (
            connection.execute(select(user).where(user.c.id == found["user_id"])).mappings().one()
        )
        hashed = (
            connection.execute(select(password).where(password.c.local_user_id == found["id"]))
            .mappings()
            .one()
        )
        for number in range(1, count):
            user_id = uuid.uuid4().hex
            connection.execute(insert(user).values({**first, "id": user_id}))
            row = {k: v for k, v in found.items() if k != "id"}
            connection.execute(
                insert(local).values({**row, "user_id": user_id, "name": f"user{number}"})
            )
            local_id = connection.scalar(select(local.c.id).where(local.c.user_id == user_id))
            row = {k: v for k, v in hashed.items() if k != "id"}
            connection.execute(insert(password).values({**row, "local_user_id": local_id}))
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
