"""Every error of the client, named by the reaction it demands.

    ExactTargetError
    ├── Retriable                    the same call may succeed later; nothing needs to change
    │   ├── Unreachable              no connection, or it was lost where a repeat is safe
    │   ├── ServiceUnavailable       the service answered that it cannot, for now
    │   ├── InMaintenance            wait, and ask the system status at most once a minute
    │   ├── Throttled                too many calls
    │   ├── MalformedReply           the answer cannot be read
    │   ├── ReadInterrupted          a read of many pages broke off; start the read again
    │   └── TransferInterrupted      a file transfer broke off or arrived with another size
    ├── Fatal                        no repeat helps until a person changes something
    │   ├── AuthenticationFailed     client id, secret or MID
    │   ├── SftpAuthenticationFailed SFTP user or password
    │   ├── PermissionDenied         the credentials are right and lack a permission
    │   ├── HostKeyMismatch          the SFTP server is not the one that was pinned
    │   ├── UntrustedCertificate     the HTTPS server's certificate cannot be verified
    │   ├── UnsafeReply              the answer declares a document type, as no honest one does
    │   └── Misconfigured            an address or a setting is wrong or missing
    ├── Rejected                     the service understood the request and refused its content
    │   ├── NotFound
    │   ├── AlreadyExists            the customer key is taken
    │   ├── NameTaken                another object has the name
    │   └── InvalidDefinition        anything else that is wrong with it; see `code`
    └── InDoubt                      the request may have taken effect: ask before repeating
        └── StartInDoubt             whether an import started is unknown

Belongs here: the classes. Does not: deciding which one a reply means (`faults.py`, `soap.py`, `auth.py`, `sftp.py`).
A message is one paragraph: what happened, to which operation and object, and what to do. It never holds a
secret, a token or a row's value.
"""


class ExactTargetError(Exception):
    """Root of the tree. `code` is ExactTarget's error number and `request_id` its RequestID, where it gave one."""

    def __init__(self, message: str, *, code: int | None = None, request_id: str | None = None):
        super().__init__(message)
        self.code = code
        self.request_id = request_id


class Retriable(ExactTargetError):
    """The same call may succeed later."""


class Fatal(ExactTargetError):
    """No repeat helps until a person changes something."""


class Rejected(ExactTargetError):
    """The service understood the request and refused its content."""


class InDoubt(ExactTargetError):
    """The request may or may not have taken effect. Ask before repeating it."""


class Unreachable(Retriable):
    """No connection to the service, or it was lost where a repeat is safe.

    `sent` tells whether the request may have arrived.
    """

    def __init__(self, message: str, *, sent: bool):
        super().__init__(message)
        self.sent = sent


class ServiceUnavailable(Retriable):
    """The service answered that it cannot, for now (outage, system exception, HTTP 5xx)."""


class InMaintenance(Retriable):
    """ExactTarget is in maintenance: queue the work and ask the system status, at most once a minute [D]."""


class Throttled(Retriable):
    """Too many calls."""


class MalformedReply(Retriable):
    """The answer is not what the service's description says; a gateway or a proxy may have written it."""


class ReadInterrupted(Retriable):
    """A read of many pages broke off. What was read so far is not the whole: start the read again."""


class TransferInterrupted(Retriable):
    """A file transfer broke off, or the file did not arrive with its size. No file has the final name."""


class AuthenticationFailed(Fatal):
    """Client id, client secret or MID is refused. Never tried again by the same client object."""


class SftpAuthenticationFailed(Fatal):
    """SFTP user or password is refused. Never tried again by the same client object: accounts get locked."""


class PermissionDenied(Fatal):
    """The credentials are right, and lack a permission for this."""


class HostKeyMismatch(Fatal):
    """The SFTP server shows another host key than the pinned one. The password was not sent."""


class UntrustedCertificate(Fatal):
    """The HTTPS server's certificate cannot be verified. Nothing was sent."""


class UnsafeReply(Fatal):
    """The answer declares a document type (entities), which no honest reply of the service does."""


class Misconfigured(Fatal):
    """An address or a setting is wrong or missing."""


class NotFound(Rejected):
    """The object or the file does not exist."""


class AlreadyExists(Rejected):
    """An object with this customer key exists."""


class NameTaken(Rejected):
    """Another object has this name; names are unique in an account."""


class InvalidDefinition(Rejected):
    """The object's definition is refused; `code` says by which rule."""


class StartInDoubt(InDoubt):
    """Whether an import started is unknown: look for its results by definition before starting it again."""
