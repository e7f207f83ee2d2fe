"""The settings file of a simulator: `etp sim --settings FILE`, in YAML.

What belongs here: its form, and putting it onto an account. What does not: what an account is (`account.py`), what a
behaviour means (`behaviour.py`).

    business_units: [{mid: 2000001, name: Germany}]
    packages:       [{client_id: a, client_secret: b, scopes: data_extensions_read, business_units: [2000001]}]
    users:          [{username: api, password: secret, business_unit: 2000001}]
    ftp_users:      [{business_unit: 2000001, login: key, authorized_keys: [ssh-ed25519 AAAA...]}]
    behaviour:      {token_seconds: 60}

Packages, users and FTP users replace those of an earlier file; business units stay, as they hold data.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import asyncssh
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from et_platform.simulator.account import Account, FtpUser, Package, User


class SettingsError(Exception):
    """The settings file cannot be used; the message names the file, the place and the reason."""


def _mid(value: Any) -> Any:
    return str(value) if isinstance(value, int) else value


def _words(value: Any) -> Any:
    return value.split() if isinstance(value, str) else value


Mid = Annotated[str, BeforeValidator(_mid), Field(pattern=r"^[0-9]{1,15}$")]


class _Unit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mid: Mid
    name: str


class _Package(Package):
    scopes: Annotated[tuple[str, ...] | None, BeforeValidator(_words)] = None
    business_units: tuple[Mid, ...] = ()


class _User(User):
    business_unit: Mid


class _FtpUser(FtpUser):
    business_unit: Mid
    user: str = ""


class Settings(BaseModel):
    """The content of a settings file."""

    model_config = ConfigDict(extra="forbid")

    business_units: tuple[_Unit, ...] = ()
    packages: tuple[_Package, ...] = ()
    users: tuple[_User, ...] = ()
    ftp_users: tuple[_FtpUser, ...] = ()
    behaviour: dict[str, Any] = {}

    @property
    def behaviour_pairs(self) -> list[str]:
        """The behaviours as `name=value`, as the option `--set` takes them."""
        return [f"{name}={value}" for name, value in self.behaviour.items()]

    def applied(self, account: Account) -> Account:
        """The account, whose units are there already, with the packages, users and FTP users of this file.

        Raises SettingsError, without the file's name.
        """
        for one in self.packages:
            _check_units(account, one.business_units)
        for one in (*self.users, *self.ftp_users):
            _check_units(account, (one.business_unit,))
        if account.client_id in {one.client_id for one in self.packages}:
            raise SettingsError(f"packages: the client id {account.client_id} is that of the account itself")
        logins: dict[str, list[FtpUser]] = {unit.mid: [] for unit in account.units}
        for one in self.ftp_users:
            own = logins[one.business_unit]
            own.append(_login(one, one.user or f"{one.business_unit}_{len(own) + 2}"))
        return account.model_copy(
            update={
                "children": tuple(
                    unit.model_copy(update={"more_ftp_users": tuple(logins[unit.mid])}) for unit in account.children
                ),
                "enterprise_ftp_users": tuple(logins[account.mid]),
                "more_packages": tuple(Package.model_validate(one.model_dump()) for one in self.packages),
                "users": tuple(User.model_validate(one.model_dump()) for one in self.users),
            }
        )


def read_settings(path: Path) -> Settings:
    """Read the file. Raises SettingsError."""
    try:
        return Settings.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise SettingsError(f"{path} is no YAML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise SettingsError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _check_units(account: Account, mids: tuple[str, ...]) -> None:
    known = [unit.mid for unit in account.units]
    for mid in mids:
        if mid not in known:
            raise SettingsError(f"there is no business unit {mid}; there are {', '.join(known)}")


def _login(given: _FtpUser, user: str) -> FtpUser:
    if given.login != "key" and not given.password:
        raise SettingsError(f"ftp_users: {user} logs in by {given.login}, so it needs a password")
    if given.login != "password" and not given.authorized_keys:
        raise SettingsError(f"ftp_users: {user} logs in by {given.login}, so it needs authorized_keys")
    for line in given.authorized_keys:
        try:
            asyncssh.import_authorized_keys(line)
        except ValueError as error:
            raise SettingsError(f"ftp_users: a line of authorized_keys of {user} is no public key") from error
    return FtpUser(user=user, password=given.password, authorized_keys=given.authorized_keys, login=given.login)
