"""`python -m et_platform.exacttarget status`: can we log in, is ExactTarget up, what lies on the FTP site.

Belongs here: reading the environment and printing. This is the one module of the client that does either.
"""

import os
import sys
from collections.abc import Mapping

from pydantic import ValidationError

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection
from et_platform.exacttarget.errors import ExactTargetError, NotFound

VARIABLES = {
    "ET_AUTH_URL": "auth_url",
    "ET_CLIENT_ID": "client_id",
    "ET_CLIENT_SECRET": "client_secret",
    "ET_MID": "mid",
    "ET_SFTP_HOST": "sftp.host",
    "ET_SFTP_PORT": "sftp.port",
    "ET_SFTP_USER": "sftp.user",
    "ET_SFTP_PASSWORD": "sftp.password",
    "ET_SFTP_HOST_KEY": "sftp.host_key",
}
FOLDERS = ("Import", "Export", "Reports")


class SettingsError(Exception):
    """The environment does not tell where ExactTarget is; the message names what is wrong and what to do."""


def connection_from(environment: Mapping[str, str]) -> Connection:
    """The connection that the variables describe. Raises SettingsError that names all that are missing or wrong."""
    missing = [name for name in VARIABLES if not environment.get(name)]
    if missing:
        raise SettingsError(
            f"Not set: {', '.join(missing)}. Set them to the installed package's and the Enhanced FTP account's "
            "values, for instance in a file .env that your shell loads. ET_SFTP_HOST_KEY is the server's public "
            "key, one line as `ssh-keyscan` prints it, without the host name."
        )
    values: dict[str, object] = {"sftp": {}}
    for name, path in VARIABLES.items():
        section, _, key = path.rpartition(".")
        target = values["sftp"] if section else values
        assert isinstance(target, dict)
        target[key] = environment[name]
    try:
        return Connection.model_validate(values)
    except ValidationError as error:
        paths = {path: name for name, path in VARIABLES.items()}
        wrong = [f"{paths['.'.join(map(str, one['loc']))]} ({one['msg']})" for one in error.errors()]
        raise SettingsError(f"Wrong: {'; '.join(wrong)}. Correct them.") from error


def status(environment: Mapping[str, str]) -> None:
    """Print what works. Raises SettingsError and the client's errors."""
    with ExactTarget(connection_from(environment)) as exacttarget:
        exacttarget.log_in()
        _say("token: ok")
        _say(f"system status: {exacttarget.system_status().value}")
        with exacttarget.ftp() as ftp:
            for folder in FOLDERS:
                try:
                    files = ftp.list(folder)
                except NotFound:
                    _say(f"{folder}: missing")
                    continue
                _say(f"{folder}: {len(files)} files, {sum(file.size for file in files)} bytes")


def main(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run a verb; returns the exit code: 0 fine, 1 a failure that is explained, 2 wrong usage."""
    if arguments != ["status"]:
        sys.stderr.write("usage: python -m et_platform.exacttarget status\n")
        return 2
    try:
        status(environment)
    except (SettingsError, ExactTargetError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
