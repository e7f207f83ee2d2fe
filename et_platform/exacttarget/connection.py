"""Where ExactTarget is, who we are, and how patient to be: values only.

Belongs here: what a caller must know to open a client. Does not: reading the environment or files, opening
anything. Secrets never show in `repr`, `str` or a validation error.
"""

import base64
import binascii
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SftpConnection(_Value):
    """The Enhanced FTP account. Its credentials differ from the application's."""

    host: str = Field(min_length=1)
    port: int = Field(default=22, gt=0, lt=65536)
    user: str = Field(min_length=1)
    password: SecretStr | None = None
    private_key: SecretStr | None = None
    """The text of an OpenSSH or PEM private key. An account may want the password, the key, or both [D]."""
    passphrase: SecretStr | None = None
    """What the private key is encrypted with."""
    host_key: str
    """The server's public key, one OpenSSH line: `ssh-ed25519 AAAA…`. Only this key is accepted."""

    @field_validator("host_key")
    @classmethod
    def _check_host_key(cls, line: str) -> str:
        key_type_and_blob(line)
        return line

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        if self.password is None and self.private_key is None:
            raise ValueError("password or private_key must be given: there is no other way to log in")
        return self


class PackageLogin(_Value):
    """An installed package's client credentials, for OAuth 2: `/v2/token`."""

    client_id: str = Field(min_length=1)
    client_secret: SecretStr


class LegacyPackageLogin(_Value):
    """The keys of a legacy package, for `/v1/requestToken`; there are no new ones since August 2019 [3].

    The package's own business unit is the one that is worked in: the request cannot name another [D].
    """

    client_id: str = Field(min_length=1)
    client_secret: SecretStr


class UserLogin(_Value):
    """A user's name and password, sent with each SOAP call (WS-Security UsernameToken) [D]; REST takes none.

    The user's own business unit is the one that is worked in.
    """

    username: str = Field(min_length=1)
    password: SecretStr


Login = PackageLogin | LegacyPackageLogin | UserLogin


class Connection(_Value):
    """One business unit (MID) of one account, through an installed package's client credentials, or an older login."""

    auth_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+")
    """Base of the token service, `https://<tenant>.auth.marketingcloudapis.com/`; a final slash is optional. None only
    with a UserLogin, which needs no token."""
    client_id: str | None = Field(default=None, min_length=1)
    client_secret: SecretStr | None = None
    legacy: LegacyPackageLogin | UserLogin | None = None
    """An older way to log in, instead of `client_id` and `client_secret`."""
    mid: int = Field(gt=0)
    """The business unit. A token of OAuth 2 is asked for it; an older login has its own, which this must be."""
    sftp: SftpConnection | None = None
    soap_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+")
    """Base of the SOAP service; None takes `soap_instance_url` from the token reply, as it should be [D]. Older logins
    are told none, so they must have it."""
    rest_url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+")
    """Base of the REST service; None takes `rest_instance_url` from the token reply. Only a legacy package needs it."""

    @model_validator(mode="after")
    def _check_login(self) -> Self:
        has_keys = self.client_id is not None and self.client_secret is not None
        if self.legacy is None and not has_keys:
            raise ValueError("client_id and client_secret must be given (or legacy, for an older way to log in)")
        if self.legacy is not None and (self.client_id is not None or self.client_secret is not None):
            raise ValueError("legacy is given besides client_id or client_secret: leave one of them out")
        if self.auth_url is None and not isinstance(self.legacy, UserLogin):
            raise ValueError("auth_url must be given: it is where tokens come from")
        if self.legacy is not None and self.soap_url is None:
            raise ValueError("soap_url must be given with legacy: an older login is not told where the service is")
        return self

    @property
    def login(self) -> Login:
        """How to prove who we are."""
        if self.legacy is not None:
            return self.legacy
        assert self.client_id is not None and self.client_secret is not None  # checked above
        return PackageLogin(client_id=self.client_id, client_secret=self.client_secret)

    @property
    def service(self) -> str:
        """The address that stands for the account: where tokens come from, else where calls go."""
        return (self.auth_url or self.soap_url or "").rstrip("/")


class Timeouts(_Value):
    """Seconds to wait. The defaults for SOAP are the vendor's advice [D]: 120 for calls, 300 for big retrieves."""

    connect: float = Field(default=10.0, gt=0)
    token: float = Field(default=30.0, gt=0)
    sync: float = Field(default=120.0, gt=0)
    retrieve: float = Field(default=300.0, gt=0)
    ftp: float = Field(default=60.0, gt=0)


class Retries(_Value):
    """How often a call that is safe to repeat is made in all, and the first pause, which doubles each time.

    Up to three tries is the vendor's advice [D]. Authentication is never repeated, and no import is ever
    started twice, whatever is set here.
    """

    attempts: int = Field(default=3, ge=1)
    first_wait: float = Field(default=1.0, ge=0)
    """Seconds."""


class Patience(_Value):
    """How long to wait in all while ExactTarget is in maintenance, and how often to ask meanwhile; in seconds.

    By default there is none: the call raises at once. The vendor wants no more than one question a minute [D].
    """

    longest: float = Field(default=0.0, ge=0)
    poll: float = Field(default=60.0, gt=0)


def key_type_and_blob(line: str) -> tuple[str, bytes]:
    """Split an OpenSSH public-key line into its type and its key; raises ValueError that says what is wrong."""
    parts = line.split()
    if len(parts) < 2:
        raise ValueError("host_key must be one OpenSSH public-key line: a type, a space and the key in base64")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except binascii.Error as error:
        raise ValueError("host_key's second part is not base64") from error
    name = parts[0].encode()
    if blob[: 4 + len(name)] != len(name).to_bytes(4, "big") + name:
        raise ValueError(f"host_key says {parts[0]}, but its base64 part is not a key of that type")
    return parts[0], blob
