"""Opening an SSH connection to exactly one server, with a password, once.

Belongs here: the socket, the pinned host key, the login. Does not: files (`sftp.py`). There is no known_hosts,
no agent and no search for keys: what is not given is not used. The password is sent only to a server that has
proven the pinned key, and only once: too many wrong ones lock the account for 30 minutes [D].
"""

import socket

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from et_platform.exacttarget.connection import SftpConnection, Timeouts, key_type_and_blob
from et_platform.exacttarget.errors import HostKeyMismatch, SftpAuthenticationFailed, Unreachable

BLOCK = 261_120
"""Bytes in one request: 255 KiB, the largest that OpenSSH accepts. Measured at twice the speed of 32 KiB."""

_CIPHER = "aes128-gcm@openssh.com"  # measured: half as fast again as the cipher paramiko would choose
_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")


def open_transport(connection: SftpConnection, timeouts: Timeouts) -> paramiko.Transport:
    """Connect, check the host key, log in.

    Raises Unreachable, HostKeyMismatch (the password was not sent), SftpAuthenticationFailed (it was, once).
    """
    where = f"{connection.host}:{connection.port}"
    try:
        channel = socket.create_connection((connection.host, connection.port), timeout=timeouts.connect)
    except OSError as error:
        raise Unreachable(
            f"No connection to the SFTP server {where}: {error.strerror or type(error).__name__}. Check host, port and "
            "network, and try again later.",
            sent=False,
        ) from error
    channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The default window: the often recommended huge one made transfers hang (measured).
    transport = paramiko.Transport(channel, default_max_packet_size=2**18 + 2048)
    try:
        _log_in(transport, connection, timeouts, where)
    except BaseException:
        transport.close()
        raise
    return transport


def _log_in(transport: paramiko.Transport, connection: SftpConnection, timeouts: Timeouts, where: str) -> None:
    key_type, blob = key_type_and_blob(connection.host_key)
    options = transport.get_security_options()
    if _CIPHER in options.ciphers:
        options.ciphers = (_CIPHER, *(cipher for cipher in options.ciphers if cipher != _CIPHER))
    options.key_types = _RSA_SIGNATURES if key_type == "ssh-rsa" else (key_type,)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = timeouts.connect
    try:
        transport.start_client(timeout=timeouts.connect)
    except IncompatiblePeer as error:
        raise _mismatch(
            where, f"it has none of the type {key_type}, or shares no algorithm with this client"
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Unreachable(
            f"The SFTP server {where} hung up before the login ({type(error).__name__}): it is busy, has its ten "
            "connections already, or is no SSH server. Try again later.",
            sent=False,
        ) from error
    shown = transport.get_remote_server_key()
    if shown.asbytes() != blob:
        raise _mismatch(where, f"it shows {shown.get_name()} {shown.fingerprint}")
    try:
        # No fall-back to keyboard-interactive: that would send the password a second time.
        missing = transport.auth_password(connection.user, connection.password.get_secret_value(), fallback=False)
    except paramiko.AuthenticationException as error:
        raise _refused(where, connection.user) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise Unreachable(
            f"The SFTP server {where} hung up during the login ({type(error).__name__}): it is busy, or has its ten "
            "connections already. Try again later.",
            sent=False,
        ) from error
    if missing:
        raise SftpAuthenticationFailed(
            f"The SFTP server {where} wants more than the password of user {connection.user}: {', '.join(missing)}. "
            "Set the account to log in with a password only."
        )


def _mismatch(where: str, how: str) -> HostKeyMismatch:
    return HostKeyMismatch(
        f"The SFTP server {where} is not the one whose host key was given: {how}. The password was not sent. If "
        "the server was replaced, get its new public key from a source you trust and set it; else somebody is in "
        "between."
    )


def _refused(where: str, user: str) -> SftpAuthenticationFailed:
    return SftpAuthenticationFailed(
        f"The SFTP server {where} refused the password of user {user}. It was sent once and will not be sent again: "
        "too many wrong ones lock the account for 30 minutes. Correct user or password (they are not the API's); if "
        "they are right, the account may be locked: wait 30 minutes."
    )
