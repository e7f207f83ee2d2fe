"""A connection from environment variables, for the client's own command line.

Belongs here: names of variables, and what is said when they are missing or wrong. Does not: anything that other callers
need; they make a `Connection` themselves.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from et_platform.exacttarget.connection import Connection

VARIABLES = {
    "ET_AUTH_URL": "auth_url",
    "ET_CLIENT_ID": "client_id",
    "ET_CLIENT_SECRET": "client_secret",
    "ET_MID": "mid",
}
LEGACY_PACKAGE = "ET_LEGACY_PACKAGE"
"""Set to anything, the keys are those of a legacy package."""
LEGACY_VARIABLES = {
    "ET_AUTH_URL": "auth_url",
    "ET_CLIENT_ID": "legacy.client_id",
    "ET_CLIENT_SECRET": "legacy.client_secret",
    "ET_SOAP_URL": "soap_url",
    "ET_MID": "mid",
}
USER_VARIABLES = {
    "ET_USERNAME": "legacy.username",
    "ET_PASSWORD": "legacy.password",
    "ET_SOAP_URL": "soap_url",
    "ET_MID": "mid",
}
SFTP_VARIABLES = {
    "ET_SFTP_HOST": "sftp.host",
    "ET_SFTP_USER": "sftp.user",
    "ET_SFTP_HOST_KEY": "sftp.host_key",
}
OPTIONAL = {
    "ET_SOAP_URL": "soap_url",
    "ET_REST_URL": "rest_url",
    "ET_SFTP_PORT": "sftp.port",
    "ET_SFTP_PASSWORD": "sftp.password",
    "ET_SFTP_PASSPHRASE": "sftp.passphrase",
}
KEY_FILE = "ET_SFTP_PRIVATE_KEY_FILE"
TOKEN_CACHE = "ET_TOKEN_CACHE"


class SettingsError(Exception):
    """The environment does not tell where ExactTarget is; the message names what is wrong and what to do."""


def connection_from(environment: Mapping[str, str], *, with_sftp: bool) -> Connection:
    """The connection that the variables describe. Raises SettingsError that names all that are missing or wrong."""
    login = USER_VARIABLES if environment.get("ET_USERNAME") else VARIABLES
    login = LEGACY_VARIABLES if environment.get(LEGACY_PACKAGE) else login
    needed = login | (SFTP_VARIABLES if with_sftp else {})
    missing = [name for name in needed if not environment.get(name)]
    if with_sftp and not environment.get("ET_SFTP_PASSWORD") and not environment.get(KEY_FILE):
        missing.append(f"ET_SFTP_PASSWORD (or {KEY_FILE})")
    if missing:
        raise SettingsError(
            f"Not set: {', '.join(missing)}. Set them to the installed package's and the Enhanced FTP account's "
            "values, for instance in a file .env that your shell loads. ET_SFTP_HOST_KEY is the server's public "
            "key, one line as `ssh-keyscan` prints it, without the host name."
        )
    paths = {name: path for name, path in (needed | OPTIONAL).items() if environment.get(name)}
    sections: dict[str, dict[str, object]] = {"": {}}
    for name, path in paths.items():
        section, _, key = path.rpartition(".")
        sections.setdefault(section, {})[key] = environment[name]
    values = sections.pop("")
    sftp = sections.pop("sftp", {})
    if with_sftp:
        if environment.get(KEY_FILE):
            sftp["private_key"] = _key(Path(environment[KEY_FILE]))
        values["sftp"] = sftp
    values |= sections
    try:
        return Connection.model_validate(values)
    except ValidationError as error:
        names = {path: name for name, path in paths.items()}
        wrong = []
        for one in error.errors():
            path = ".".join(map(str, one["loc"]))
            wrong.append(f"{names.get(path, path)} ({one['msg']})")
        raise SettingsError(f"Wrong: {'; '.join(wrong)}. Correct them.") from error


def _key(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(
            f"{KEY_FILE} names {path.name}, which cannot be read: {reason}. Correct the path, or the file's rights."
        ) from None
