"""fastapi-users as its documentation begins: SQLAlchemy, SQLite, JWT in a bearer transport.

`serve:app` of uvicorn; `fastapi_users_site.py COUNT` makes the users.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users.password import PasswordHelper
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

PASSWORD = "correct horse battery staple"
SECRET = os.environ["BENCH_SECRET"]


def helper() -> PasswordHelper:
    """Its own default, or the parameters that all are compared with."""
    if os.environ["BENCH_HASH"] == "default":
        return PasswordHelper()
    return PasswordHelper(
        PasswordHash((Argon2Hasher(time_cost=2, memory_cost=19 * 1024, parallelism=1),))
    )


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


engine = create_async_engine(os.environ["BENCH_DATABASE_URL"])
sessions = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


async def get_users(
    session: AsyncSession = Depends(get_session),  # noqa: B008
) -> AsyncIterator[SQLAlchemyUserDatabase]:
    yield SQLAlchemyUserDatabase(session, User)


class UserManager(UUIDIDMixin, BaseUserManager):
    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def get_user_manager(
    database: SQLAlchemyUserDatabase = Depends(get_users),  # noqa: B008
) -> AsyncIterator[UserManager]:
    yield UserManager(database, helper())


def get_strategy() -> JWTStrategy:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


backend = AuthenticationBackend(
    name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=get_strategy
)
app = FastAPI()
app.include_router(
    FastAPIUsers(get_user_manager, [backend]).get_auth_router(backend), prefix="/auth"
)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}


async def populate(count: int) -> None:
    """So many users of one password."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    hashed = helper().hash(PASSWORD)
    async with sessions() as session:
        session.add_all(
            User(
                email=f"user{i}@example.org",
                hashed_password=hashed,
                is_active=True,
                is_superuser=False,
                is_verified=True,
            )
            for i in range(count)
        )
        await session.commit()
    await engine.dispose()


if __name__ == "__main__":
    asyncio.run(populate(int(sys.argv[1])))
