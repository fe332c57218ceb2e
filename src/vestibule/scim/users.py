"""Users, as an identity provider makes, changes and removes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from scim2_models import (
    EnterpriseUser,
    InvalidValueException,
    NotFoundException,
    PatchOp,
    PreconditionFailedException,
    ScimFilter,
    UniquenessException,
    User,
)
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from vestibule.audit.service import Audit
from vestibule.clock import Clock, utc
from vestibule.errors import ValidationFailed
from vestibule.orgs import repository as orgs
from vestibule.scim import repository
from vestibule.scim.changes import patching, replacing
from vestibule.scim.models import ProvisionedUser
from vestibule.scim.resources import (
    MOST,
    address_of,
    etag,
    external_id_of,
    name_of,
    stored,
    user_resource,
)
from vestibule.scim.searching import everybody, looked_up
from vestibule.scim.standing import settle
from vestibule.scim.tenants import Tenant
from vestibule.sessions.service import Sessions
from vestibule.storage.database import Database
from vestibule.text import comparable
from vestibule.users import repository as user_rows
from vestibule.users.models import User as Account
from vestibule.users.service import Users

Found = tuple[int, list[User[EnterpriseUser]]]
Change = Callable[[User[EnterpriseUser]], User[EnterpriseUser]]


class ProvisionedUsers:
    """The users of one organization at a time.

    Raises the errors of the `scim2_models` library, whose form RFC 7644 §3.12 gives, `Conflict`
    where an organization would lose its last owner, and never touches an account that was not
    made for it.
    """

    def __init__(
        self,
        *,
        database: Database,
        users: Users,
        sessions: Sessions,
        audit: Audit,
        clock: Clock,
        base: str,
    ) -> None:
        """`base` is the URL of the service."""
        self._database = database
        self._users = users
        self._sessions = sessions
        self._audit = audit
        self._clock = clock
        self._base = base

    async def create(self, tenant: Tenant, resource: User[EnterpriseUser]) -> User[EnterpriseUser]:
        """A new user, and the account and membership that go with it (RFC 7644 §3.3)."""
        attempt = tenant.attempt("scim_user_create")
        now, org_id = utc(self._clock), tenant.organization.id
        account = self._new_account(resource)

        def write(connection: Connection) -> ProvisionedUser:
            existing = _existing(connection, account)
            if existing is not None and not _is_member(connection, org_id, existing):
                # Whose it is, the provider can't say: it could be anybody's.
                raise _taken()
            user = ProvisionedUser(
                org_id=org_id,
                user_id=existing.id if existing else account.id,
                user_name=name_of(resource),
                external_id=external_id_of(resource),
                attributes=stored(resource),
                made_account=existing is None,
                disabled_account=False,
                granted_role=None,
                version=1,
                created_at=now,
                updated_at=now,
            )
            if existing is None:
                user_rows.add(connection, [account])
            repository.add_user(connection, user)
            settle(connection, self._sessions, user, is_active=_is_active(resource), now=now)
            return user

        async with self._audit.following(attempt):
            try:
                user = await self._audit.succeeded(attempt, status=201, work=write)
            except IntegrityError:
                raise _taken() from None
        return user_resource(user, [], base=self._base)

    async def get(self, tenant: Tenant, user_id: str) -> User[EnterpriseUser]:
        """One of them (RFC 7644 §3.4.1)."""
        return await self._database.read(lambda c: self._resource(c, tenant, _known(user_id)))

    async def search(
        self, tenant: Tenant, *, wanted: ScimFilter[Any] | None, start: int, count: int
    ) -> Found:
        """How many there are, and those of the page; `start` counts from 0 (RFC 7644 §3.4.2)."""
        org_id, count = tenant.organization.id, min(count, MOST)

        def look(connection: Connection) -> Found:
            if wanted is None:
                total = repository.count_users(connection, org_id)
                page = repository.page_of_users(connection, org_id, offset=start, limit=count)
                return total, self._resources(connection, org_id, page)
            rows = looked_up(connection, org_id, wanted.ast)
            chunks = [rows] if rows is not None else everybody(connection, org_id)
            found = [
                resource
                for chunk in chunks
                for resource in self._resources(connection, org_id, chunk)
                if wanted.match(resource)
            ]
            return len(found), found[start : start + count]

        return await self._database.scan(look)

    async def replace(
        self, tenant: Tenant, user_id: str, resource: User[EnterpriseUser], *, match: str | None
    ) -> User[EnterpriseUser]:
        """Put another one in its place (RFC 7644 §3.5.1)."""
        return await self._change(
            tenant, user_id, "scim_user_replace", replacing(resource), match=match
        )

    async def patch(
        self, tenant: Tenant, user_id: str, operations: PatchOp[Any], *, match: str | None
    ) -> User[EnterpriseUser]:
        """Change some of it (RFC 7644 §3.5.2)."""
        return await self._change(
            tenant, user_id, "scim_user_patch", patching(operations), match=match
        )

    async def remove(self, tenant: Tenant, user_id: str, *, match: str | None) -> None:
        """Remove it (RFC 7644 §3.6). The account stays, and is disabled if nobody else has it."""
        attempt = tenant.attempt("scim_user_delete")
        now, org_id = utc(self._clock), tenant.organization.id

        def write(connection: Connection) -> None:
            user = self._row(connection, tenant, _known(user_id), match=match)
            attempt.user_id = user.user_id
            settle(connection, self._sessions, user, is_active=False, now=now)
            repository.remove_user(connection, org_id=org_id, user_id=user.user_id)

        async with self._audit.following(attempt):
            await self._audit.succeeded(attempt, status=204, work=write)

    async def _change(
        self, tenant: Tenant, user_id: str, event: str, change: Change, *, match: str | None
    ) -> User[EnterpriseUser]:
        attempt = tenant.attempt(event)
        now, org_id = utc(self._clock), tenant.organization.id

        def write(connection: Connection) -> User[EnterpriseUser]:
            user = self._row(connection, tenant, _known(user_id), match=match)
            attempt.user_id = user.user_id
            resource = change(self._resource(connection, tenant, user.user_id))
            account = self._new_account(resource)
            values = {
                "user_name": name_of(resource),
                "external_id": external_id_of(resource),
                "attributes": stored(resource),
                "version": user.version + 1,
                "updated_at": now,
            }
            repository.change_user(connection, org_id=org_id, user_id=user.user_id, values=values)
            self._take_on(connection, user, account)
            settle(connection, self._sessions, user, is_active=_is_active(resource), now=now)
            return self._resource(connection, tenant, user.user_id)

        async with self._audit.following(attempt):
            try:
                return await self._audit.succeeded(attempt, status=200, work=write)
            except IntegrityError:
                raise _taken() from None

    def _take_on(self, connection: Connection, user: ProvisionedUser, wanted: Account) -> None:
        """Change the account, as far as it is this provider's to change."""
        account = user_rows.by_id(connection, user.user_id)
        others = [
            membership
            for membership in orgs.memberships_of(connection, user.user_id)
            if membership.organization.id != user.org_id
        ]
        if account is None or not user.made_account or others or account.is_admin:
            return
        values: dict[str, Any] = {
            name: getattr(wanted, name)
            for name in ("username", "first_name", "last_name")
            if getattr(wanted, name) != getattr(account, name)
        }
        # An address that the person has proved is theirs, not the provider's to give away.
        if not account.email_verified and wanted.email_address != account.email_address:
            values["email_address"] = wanted.email_address
        elif "@" in wanted.username or "@" in account.username:
            values.pop("username", None)  # it would have to change with the address
        if values:
            values["updated_at"] = wanted.updated_at
            user_rows.change(connection, user.user_id, values)

    def _new_account(self, resource: User[EnterpriseUser]) -> Account:
        """The account as this resource would have it. Raises `InvalidValueException`."""
        address, username = address_of(resource), resource.user_name or ""
        if "@" in username and address is None:
            address = username
        if "@" in username and comparable(username) != comparable(address or ""):
            # Only the account's own address may be a name with an @.
            username = username.replace("@", ".")
        name = resource.name
        try:
            return self._users.new(
                username=username,
                email_address=address,
                first_name=(name.given_name if name else None) or "",
                last_name=(name.family_name if name else None) or "",
            )
        except ValidationFailed as error:
            field = error.errors[0].loc[-1] if error.errors else "userName"
            raise InvalidValueException(detail=f"{field}: {error.detail}") from None

    def _row(
        self, connection: Connection, tenant: Tenant, user_id: UUID, *, match: str | None
    ) -> ProvisionedUser:
        found = repository.user(connection, org_id=tenant.organization.id, user_id=user_id)
        if found is None:
            raise NotFoundException(detail="There is no such user")
        if match is not None and match not in ("*", etag(found.version)):
            raise PreconditionFailedException(detail="The user has changed meanwhile")
        return found

    def _resource(
        self, connection: Connection, tenant: Tenant, user_id: UUID
    ) -> User[EnterpriseUser]:
        user = self._row(connection, tenant, user_id, match=None)
        return self._resources(connection, tenant.organization.id, [user])[0]

    def _resources(
        self, connection: Connection, org_id: UUID, rows: list[ProvisionedUser]
    ) -> list[User[EnterpriseUser]]:
        if not rows:
            return []
        groups = repository.groups_of_users(connection, org_id, [row.user_id for row in rows])
        return [user_resource(row, groups[row.user_id], base=self._base) for row in rows]


def _existing(connection: Connection, account: Account) -> Account | None:
    by_name = user_rows.by_name(connection, account.username)
    if by_name is not None or account.email_address is None:
        return by_name
    return user_rows.by_name(connection, account.email_address)


def _is_member(connection: Connection, org_id: UUID, account: Account) -> bool:
    return orgs.role_of(connection, org_id=org_id, user_id=account.id) is not None


def _is_active(resource: User[EnterpriseUser]) -> bool:
    return resource.active is not False


def _known(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundException(detail="There is no such user") from None


def _taken() -> UniquenessException:
    return UniquenessException(detail="This userName or address is taken")
