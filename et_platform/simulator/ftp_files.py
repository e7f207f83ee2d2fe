"""The files of the Enhanced FTP sites: what may be done to them over SFTP.

What belongs here: the folders, names, renaming and overwriting. What does not: logins (`ftp_login.py`), what becomes
of old files (`ftp_cleanup.py`), what files mean.
"""

from __future__ import annotations

import errno
import os
import posixpath
import re
from pathlib import Path

import asyncssh
from asyncssh.constants import FXF_CREAT, FXF_TRUNC

from et_platform.simulator.behaviour import Behaviour

FOLDERS = ("Import", "Export", "Reports")
"""Always there, and never to be removed [D]."""

_FORBIDDEN = re.compile(rb'[\\:*<>|?"\x00-\x1f]')
"""What names may not contain, beside the slash [D]."""


def prepare(root: Path) -> None:
    """Make the site's folders."""
    for name in FOLDERS:
        (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)


class Files(asyncssh.SFTPServer):
    """The files of one connection. asyncssh confines every path to `chroot`."""

    def __init__(self, channel: asyncssh.SSHServerChannel, root: Path, behaviour: Behaviour):
        super().__init__(channel, chroot=os.fsencode(root))
        self._behaviour = behaviour

    def _refuse_fixed(self, path: bytes) -> None:
        place = posixpath.normpath(b"/" + path).strip(b"/").decode(errors="replace")
        if place in ("", *FOLDERS):
            raise asyncssh.SFTPPermissionDenied(f"/{place} must stay")

    def _check_name(self, path: bytes) -> None:
        if _FORBIDDEN.search(posixpath.basename(path)):
            raise asyncssh.SFTPFailure('a name may not contain \\ / : * < > | ? "')

    def _exists(self, path: bytes) -> bool:
        return os.path.lexists(self.map_path(path))

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Open a file; a new one must have a good name, and writing over one may be refused [K]."""
        if pflags & FXF_CREAT:
            if not self._exists(path):
                self._check_name(path)
            elif pflags & FXF_TRUNC and not self._behaviour.sftp_overwrite:
                raise asyncssh.SFTPFailure("the file exists already")
        return super().open(path, pflags, attrs)

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Make a folder, wherever one likes."""
        self._check_name(path)
        super().mkdir(path, attrs)

    def rmdir(self, path: bytes) -> None:
        """Remove a folder that is not one of the fixed ones."""
        self._refuse_fixed(path)
        super().rmdir(path)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename; the plain form does not replace a file, as the protocol says, unless a setting has it [K]."""
        self._refuse_fixed(oldpath)
        self._check_name(newpath)
        if self._exists(newpath):
            if not self._behaviour.sftp_rename_replaces:
                raise asyncssh.SFTPFailure("the new name exists already")
            self._refuse_fixed(newpath)
        super().posix_rename(oldpath, newpath)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Rename, replacing a file of the new name: an extension of OpenSSH, that a server may lack [K]."""
        if not self._behaviour.sftp_posix_rename:
            raise asyncssh.SFTPOpUnsupported("posix-rename@openssh.com")
        self._refuse_fixed(oldpath)
        self._refuse_fixed(newpath)
        self._check_name(newpath)
        super().posix_rename(oldpath, newpath)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Links could lead out of the site."""
        raise asyncssh.SFTPPermissionDenied(os.strerror(errno.EPERM))

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """Links could lead out of the site."""
        raise asyncssh.SFTPPermissionDenied(os.strerror(errno.EPERM))
