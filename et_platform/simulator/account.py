"""The simulated account: its business units, identity and secrets, kept in the data folder.

What belongs here: what is generated once and must outlive a restart, so that clients keep working: client id and
secret, MIDs, SFTP logins, host key, the key that signs tokens, the address last used.
What does not: rows and definitions (`store.py`), what a unit may see of another (`units.py`).
"""

from __future__ import annotations

import json
import os
import secrets
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import asyncssh
from pydantic import BaseModel, ConfigDict

_LETTERS = string.ascii_lowercase + string.digits


def _generated(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FtpUser(_Kept):
    """A login of the Enhanced FTP site: by password, by SSH key (lines as in authorized_keys), or by both [D][3]."""

    user: str
    password: str = ""
    authorized_keys: tuple[str, ...] = ()
    login: Literal["password", "key", "both"] = "password"


class BusinessUnit(_Kept):
    """One business unit and its FTP logins. The first user is the MID, further ones are `MID_2` and so on [R].

    `parent` is the MID of the enterprise, empty for the enterprise itself.
    """

    mid: str
    name: str
    sftp_password: str
    parent: str = ""
    more_ftp_users: tuple[FtpUser, ...] = ()

    @property
    def sftp_user(self) -> str:
        """The first user of the Enhanced FTP site."""
        return self.mid

    @property
    def ftp_users(self) -> tuple[FtpUser, ...]:
        """All its users; one of `more_ftp_users` that is called as the first takes its place."""
        first = FtpUser(user=self.sftp_user, password=self.sftp_password)
        named = {one.user for one in self.more_ftp_users}
        return self.more_ftp_users if first.user in named else (first, *self.more_ftp_users)


class Package(_Kept):
    """An installed package with an API integration.

    `scopes` are those granted (None: all), `business_units` the MIDs it may ask tokens for (empty: all), of which the
    first is the one it gets without asking. A `legacy` one gets its tokens from `/v1/requestToken` alone [R].
    """

    client_id: str
    client_secret: str
    scopes: tuple[str, ...] | None = None
    business_units: tuple[str, ...] = ()
    legacy: bool = False


class User(_Kept):
    """A user who logs in to SOAP by name and password; without `api_access` the web service refuses him [D]."""

    username: str
    password: str
    business_unit: str
    api_access: bool = True


class Account(BaseModel):
    """The whole account: the enterprise, which is a business unit itself, its children, packages and users."""

    model_config = ConfigDict(frozen=True)

    client_id: str
    client_secret: str
    mid: str
    name: str = "Enterprise"
    sftp_password: str
    token_key: str
    enterprise_ftp_users: tuple[FtpUser, ...] = ()
    children: tuple[BusinessUnit, ...] = ()
    more_packages: tuple[Package, ...] = ()
    users: tuple[User, ...] = ()
    host: str = "127.0.0.1"
    http_port: int = 0
    sftp_port: int = 0

    @property
    def units(self) -> tuple[BusinessUnit, ...]:
        """All business units, the enterprise first."""
        enterprise = BusinessUnit(
            mid=self.mid,
            name=self.name,
            sftp_password=self.sftp_password,
            more_ftp_users=self.enterprise_ftp_users,
        )
        return (enterprise, *self.children)

    @property
    def packages(self) -> tuple[Package, ...]:
        """All packages; the first one is that of `client_id`, with every scope and unit."""
        return (Package(client_id=self.client_id, client_secret=self.client_secret), *self.more_packages)

    @property
    def base_url(self) -> str:
        """Where its HTTP side listens (or last listened); ends in '/'."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.http_port}/"


class Folder:
    """The simulator's data folder: where each thing of it is kept."""

    def __init__(self, root: Path):
        self.root = root
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def database(self) -> Path:
        """The DuckDB file with rows, definitions and tasks."""
        return self.root / "exacttarget.duckdb"

    def child_database(self, mid: str) -> Path:
        """The same of one child."""
        return self.root / f"exacttarget-{mid}.duckdb"

    def ftp(self, mid: str) -> Path:
        """The Enhanced FTP site of one business unit."""
        return self.root / "ftp" / mid

    def host_key(self) -> asyncssh.SSHKey:
        """The SFTP server's key, made at first use."""
        path = self.root / "ssh_host_ed25519_key"
        if not path.exists():
            _write_secret(path, asyncssh.generate_private_key("ssh-ed25519").export_private_key())
        return asyncssh.read_private_key(path)

    def account(
        self,
        client_id: str | None,
        client_secret: str | None,
        mid: str | None,
        children: Sequence[tuple[str, str]] = (),
    ) -> Account:
        """The account kept here, made at first use; what is given explicitly replaces what is kept.

        `children` are MIDs and names; those that are kept already stay, with the name given now. Raises ValueError.
        """
        path = self.root / "account.json"
        kept = json.loads(path.read_text()) if path.exists() else {}
        made = {
            "client_id": _generated(24),
            "client_secret": secrets.token_urlsafe(24),
            "mid": str(100_000_000 + secrets.randbelow(900_000_000)),
            "sftp_password": secrets.token_urlsafe(18),
            "token_key": secrets.token_hex(32),
        }
        given = {"client_id": client_id, "client_secret": client_secret, "mid": mid}
        account = Account.model_validate(made | kept | {name: value for name, value in given.items() if value})
        account = _with_children(account, children)
        self.keep(account)
        return account

    def keep(self, account: Account) -> None:
        """Write the account down, readable by its owner only."""
        _write_secret(self.root / "account.json", account.model_dump_json(indent=2).encode())


def _with_children(account: Account, children: Sequence[tuple[str, str]]) -> Account:
    units = {unit.mid: unit.model_copy(update={"parent": account.mid}) for unit in account.children}
    for mid, name in children:
        if mid == account.mid:
            raise ValueError(f"the business unit {mid} has the MID of its enterprise")
        kept = units.get(mid)
        if kept:
            units[mid] = kept.model_copy(update={"name": name})
        else:
            units[mid] = BusinessUnit(mid=mid, name=name, sftp_password=secrets.token_urlsafe(18), parent=account.mid)
    return account.model_copy(update={"children": tuple(units.values())})


def _write_secret(path: Path, content: bytes) -> None:
    """Replace the file in one step, mode 0600."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
