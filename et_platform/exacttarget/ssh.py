"""Opening an SSH connection to exactly one server, with a password or a key or both, once.

Belongs here: the pinned host key, the login. Does not: files (`ssh_transport.py`, `sftp.py`). There is no known_hosts,
no agent, no configuration file and no search for keys: what is not given is not used. Password and key are used only
with a server that has proven the pinned host key, and once: too many wrong passwords lock the account for 30 minutes
[D].
"""

import asyncssh

from et_platform.exacttarget.connection import SftpConnection, Timeouts, key_type_and_blob
from et_platform.exacttarget.errors import (
    HostKeyMismatch,
    Misconfigured,
    SftpAuthenticationFailed,
    Unreachable,
)
from et_platform.exacttarget.transport import BLOCK

WRITES_UNDER_WAY = 16
"""Requests to write that wait for their answers at once: 4 MiB, enough for 40 MB/s over a line with 100 ms."""
READS_UNDER_WAY = 8
"""Requests to read: 2 MiB, what OpenSSH's `sftp` has under way.

What is read piles up here, not at the server: of 512 MB over the loopback, 4 MiB gave a tenth less, and 8 MiB were a
third slower every other time (measured)."""

_CIPHERS = "^aes128-gcm@openssh.com"  # first, before the library's own order: the processor knows it
_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")
_OTHER_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *_RSA_SIGNATURES)
_PACKET = BLOCK + 2048  # the largest packet that the server may send: a block with its heads


async def open_connection(connection: SftpConnection, timeouts: Timeouts) -> asyncssh.SSHClientConnection:
    """Connect, check the host key, log in.

    Raises Unreachable, HostKeyMismatch (nothing secret was sent), SftpAuthenticationFailed (it was, once), and
    Misconfigured for a private key that cannot be read.
    """
    where, key = f"{connection.host}:{connection.port}", _private_key(connection)
    key_type, blob = key_type_and_blob(connection.host_key)
    shown: list[asyncssh.SSHKey] = []

    class Pinned(asyncssh.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            shown.append(key)
            return key.public_data == blob

    password = connection.password
    try:
        return await asyncssh.connect(
            connection.host,
            connection.port,
            client_factory=Pinned,
            config=None,
            known_hosts=([], [], []),  # trusts nobody, so that Pinned is asked
            x509_trusted_certs=None,
            # The pinned type first. The others are asked for only so that a stranger shows who it is; it is refused.
            server_host_key_algs=(*(_RSA_SIGNATURES if key_type == "ssh-rsa" else (key_type,)), *_OTHER_KEYS),
            username=connection.user,
            password=None if password is None else password.get_secret_value(),
            client_keys=None if key is None else [key],
            agent_path=None,
            gss_host=None,
            kbdint_auth=False,  # it would send the password a second time
            host_based_auth=False,
            disable_trivial_auth=True,
            encryption_algs=_CIPHERS,
            compression_algs=("none",),
            connect_timeout=timeouts.connect,
            login_timeout=timeouts.connect,
            max_pktsize=_PACKET,
            window=READS_UNDER_WAY * BLOCK,
        )
    except asyncssh.HostKeyNotVerifiable as error:
        told = f"it shows {shown[0].get_algorithm()} {shown[0].get_fingerprint()}" if shown else str(error)
        raise _mismatch(where, told) from error
    except asyncssh.KeyExchangeFailed as error:
        raise _mismatch(where, "it shares no algorithm with this client") from error
    except asyncssh.PermissionDenied as error:
        raise _refused(where, connection) from error
    except (asyncssh.Error, TimeoutError, ConnectionError, EOFError) as error:
        if isinstance(error, ConnectionRefusedError):
            raise _no_connection(where, error) from error
        raise Unreachable(
            f"The SFTP server {where} hung up before the login was done ({type(error).__name__}): it is busy, "
            "has its ten connections already, or is no SSH server. Try again later.",
            sent=False,
        ) from error
    except OSError as error:
        raise _no_connection(where, error) from error


def _private_key(connection: SftpConnection) -> asyncssh.SSHKey | None:
    if connection.private_key is None:
        return None
    passphrase = None if connection.passphrase is None else connection.passphrase.get_secret_value()
    try:
        return asyncssh.import_private_key(connection.private_key.get_secret_value(), passphrase)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        raise Misconfigured(
            f"The private key of SFTP user {connection.user} cannot be read ({type(error).__name__}). Nothing was "
            "sent. Give the whole text of an OpenSSH or PEM private key, and its passphrase if it has one."
        ) from None  # the library's words may quote the key's text


def _no_connection(where: str, error: OSError) -> Unreachable:
    return Unreachable(
        f"No connection to the SFTP server {where}: {error.strerror or type(error).__name__}. Check host, port and "
        "network, and try again later.",
        sent=False,
    )


def _mismatch(where: str, how: str) -> HostKeyMismatch:
    return HostKeyMismatch(
        f"The SFTP server {where} is not the one whose host key was given: {how}. The password was not sent. If "
        "the server was replaced, get its new public key from a source you trust and set it; else somebody is in "
        "between."
    )


def _refused(where: str, connection: SftpConnection) -> SftpAuthenticationFailed:
    given = {"password": connection.password, "key": connection.private_key}
    ways = [name for name, value in given.items() if value is not None]
    return SftpAuthenticationFailed(
        f"The SFTP server {where} refused the {' and the '.join(ways)} of user {connection.user}, or wants more. It "
        "was sent once and will not be sent again: too many wrong ones lock the account for 30 minutes. Correct user, "
        "password or key (they are not the API's); if they are right, the account may be locked: wait 30 minutes."
    )
