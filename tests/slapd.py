"""An OpenLDAP server of the tests' own, over TLS, with a tree of people and groups."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import ldap

from tests.certificates import certify
from tests.ports import free_port

SLAPD = "/usr/sbin/slapd"
BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
MANAGER = f"cn=manager,{BASE}"
MANAGERS_PASSWORD = "the manager's own"
PASSWORD = "correct horse battery staple"
SPECIAL = 'uid=eve+cn=Smith\\, \\"Eve\\" \\+ \\#1 Übel,' + PEOPLE
SPECIAL_NAME = 'cn: Smith, "Eve" + #1 Übel\n'

CONFIGURATION = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
pidfile {folder}/slapd.pid
TLSCertificateFile {certificate}
TLSCertificateKeyFile {key}
sizelimit 500
database mdb
suffix "{base}"
rootdn "{manager}"
rootpw "{password}"
directory {folder}/data
maxsize 268435456
index objectClass,uid,mail,member,entryUUID eq
overlay ppolicy
ppolicy_default "cn=policy,{base}"
ppolicy_use_lockout
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{manager}" write by users read by anonymous auth
"""
TREE = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {GROUPS}
objectClass: organizationalUnit
ou: groups

dn: cn=policy,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE
pwdMaxFailure: 3
pwdCheckQuality: 0

dn: cn=expiring,{BASE}
objectClass: device
objectClass: pwdPolicy
cn: expiring
pwdAttribute: userPassword
pwdMaxAge: 1
pwdCheckQuality: 0
"""


def person(
    uid: str, *, dn: str = "", password: str = PASSWORD, mail: str = "", extra: str = ""
) -> str:
    """An entry of somebody, in LDIF."""
    return (
        f"dn: {dn or f'uid={uid},{PEOPLE}'}\nobjectClass: inetOrgPerson\n"
        f"objectClass: shadowAccount\nuid: {uid}\n"
        f"cn: {uid}\ngivenName: {uid.title()}\nsn: Example\nmail: {mail or f'{uid}@example.org'}\n"
        f"userPassword: {password}\n{extra}"
    )


def group(name: str, *members: str) -> str:
    """An entry of a group, in LDIF; `members` are names of entries."""
    lines = "".join(f"member: {member}\n" for member in members)
    return f"dn: {group_dn(name)}\nobjectClass: groupOfNames\ncn: {name}\n{lines}"


def user_dn(uid: str) -> str:
    return f"uid={uid},{PEOPLE}"


def group_dn(name: str) -> str:
    return f"cn={name},{GROUPS}"


@dataclass
class Slapd:
    """One server, on a free port for LDAPS and one for LDAP."""

    folder: Path
    certificate: Path
    key: Path
    tls_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def plain_url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def authorities(self) -> str:
        """The certificate that vouches for it, in PEM."""
        return self.certificate.read_text()

    def fill(self, *entries: str) -> None:
        """Load entries while it does not run."""
        (self.folder / "data").mkdir(exist_ok=True)
        configuration = self.folder / "slapd.conf"
        configuration.write_text(
            CONFIGURATION.format(
                folder=self.folder,
                certificate=self.certificate,
                key=self.key,
                base=BASE,
                manager=MANAGER,
                password=MANAGERS_PASSWORD,
            )
        )
        ldif = self.folder / "tree.ldif"
        ldif.write_text("\n".join(entries), encoding="utf-8")
        # slapd shows its name as the program that it is: slapadd by that name.
        subprocess.run(
            [SLAPD, "-T", "add", "-q", "-f", str(configuration), "-l", str(ldif)],
            check=True,
            capture_output=True,
        )

    def start(self) -> Slapd:
        """Start, and return when it answers."""
        if not Path(SLAPD).exists():
            raise RuntimeError("OpenLDAP is not installed: run sh scripts/test-requirements")
        with (self.folder / "slapd.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    SLAPD, "-f", str(self.folder / "slapd.conf"), "-d", "0",
                    "-h", f"{self.url}/ {self.plain_url}/",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        while not self.answers():
            if self.process.poll() is not None:
                raise RuntimeError((self.folder / "slapd.log").read_text()[-2000:])
            time.sleep(0.01)
        return self

    def answers(self) -> bool:
        """Whether it takes connections."""
        connection = ldap.initialize(self.plain_url)
        try:
            connection.simple_bind_s(MANAGER, MANAGERS_PASSWORD)
        except ldap.LDAPError:
            return False
        connection.unbind_s()
        return True

    def change(self, dn: str, **values: str | None) -> None:
        """Set attributes of an entry; None removes one."""
        connection = ldap.initialize(self.plain_url)
        connection.simple_bind_s(MANAGER, MANAGERS_PASSWORD)
        changes = [
            (ldap.MOD_REPLACE, name, None if value is None else [value.encode()])
            for name, value in values.items()
        ]
        connection.modify_s(dn, changes)
        connection.unbind_s()

    def remove(self, dn: str) -> None:
        """Delete an entry."""
        connection = ldap.initialize(self.plain_url)
        connection.simple_bind_s(MANAGER, MANAGERS_PASSWORD)
        connection.delete_s(dn)
        connection.unbind_s()

    def stop(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@contextmanager
def slapd(*entries: str) -> Iterator[Slapd]:
    """A server with the tree and these entries."""
    with TemporaryDirectory(prefix="slapd-") as name:
        folder = Path(name)
        certificate, key = certify(folder)
        server = Slapd(folder, certificate, key)
        server.fill(TREE, *entries)
        try:
            yield server.start()
        finally:
            server.stop()
            shutil.rmtree(folder / "data", ignore_errors=True)
