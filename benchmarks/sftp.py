"""Our SFTP against OpenSSH's `sftp` at its defaults, on one sshd on the loopback, in pairs.

    python benchmarks/sftp.py [--megabytes 512] [--rounds 7] [--rekey 64M] [--folder /dev/shm]

Needs OpenSSH's sshd and sftp (Debian: openssh-server, openssh-client); starts its own sshd as the user who runs it,
with its own keys, and ends it. Both clients log in, move the file and log out within the time that is measured; the
order within a pair alternates. A ratio over 1 means that ours is faster.
"""

import argparse
import contextlib
import filecmp
import getpass
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.machine import machine
from et_platform.exacttarget.connection import SftpConnection, Timeouts
from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform.exacttarget.ssh_transport import SshTransport

SSHD = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def running_sshd(folder: Path, rekey: str) -> Iterator[SftpConnection]:
    assert SSHD is not None
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = folder / "sshd_config"
    configuration.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder / 'host'}\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\nPasswordAuthentication no\nRekeyLimit {rekey}\nLogLevel DEBUG\n"
        f"Subsystem sftp internal-sftp -d {folder / 'site'}\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd confines itself to before the login
    with subprocess.Popen([SSHD, "-D", "-f", configuration, "-E", folder / "sshd.log"]) as server:
        try:
            deadline = time.monotonic() + 10
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert time.monotonic() < deadline, (folder / "sshd.log").read_text()
                time.sleep(0.05)
            yield SftpConnection(
                host="127.0.0.1",
                port=port,
                user=getpass.getuser(),
                private_key=(folder / "user").read_text(),  # pyright: ignore[reportArgumentType]
                host_key=" ".join((folder / "host.pub").read_text().split()[:2]),
            )
        finally:
            server.terminate()


def openssh(connection: SftpConnection, folder: Path, command: str) -> None:
    known = folder / "known_hosts"
    known.write_text(f"[{connection.host}]:{connection.port} {connection.host_key}\n")
    options = [
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        f"UserKnownHostsFile={known}",
        "-F",
        "none",
        "-i",
        str(folder / "user"),
    ]
    target = f"{connection.user}@{connection.host}"
    call = ["sftp", "-q", "-b", "-", *options, "-P", str(connection.port), target]
    subprocess.run(call, input=command, text=True, check=True, stdout=subprocess.DEVNULL)


def ours(connection: SftpConnection, work: Callable[[EnhancedFtp], object]) -> None:
    ftp = EnhancedFtp(lambda: SshTransport(connection, Timeouts()))
    try:
        work(ftp)
    finally:
        ftp.close()


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rekey", default="default none", help="sshd's RekeyLimit, such as 64M: keys change so often")
    parser.add_argument("--folder", type=Path, help="where the files lie; one in memory (/dev/shm) spares the disk")
    arguments = parser.parse_args()
    if SSHD is None or shutil.which("sftp") is None:
        sys.exit("sshd or sftp is missing: install openssh-server and openssh-client.")
    with tempfile.TemporaryDirectory(prefix="sftp-", dir=arguments.folder) as name:
        folder = Path(name)
        (folder / "site" / "Import").mkdir(parents=True)
        local, back = folder / "local", folder / "back"
        with local.open("wb") as file:
            for _ in range(arguments.megabytes):
                file.write(os.urandom(1_000_000))
        with running_sshd(folder, arguments.rekey) as connection:
            print(machine("asyncssh", "cryptography"))
            pairs = {
                "put": (
                    lambda: openssh(connection, folder, f"put {local} Import/openssh"),
                    lambda: ours(connection, lambda ftp: ftp.put(local=local, remote="Import/ours")),
                ),
                "get": (
                    lambda: openssh(connection, folder, f"get Import/openssh {folder / 'back.openssh'}"),
                    lambda: ours(connection, lambda ftp: ftp.get(remote="Import/ours", local=back)),
                ),
            }
            for direction, (theirs, own) in pairs.items():
                seconds: list[tuple[float, float]] = []
                for nth in range(arguments.rounds):
                    if nth % 2:
                        own_seconds, their_seconds = timed(own), timed(theirs)
                    else:
                        their_seconds, own_seconds = timed(theirs), timed(own)
                    seconds.append((their_seconds, own_seconds))
                ratios = [their / own for their, own in seconds]
                speeds = [arguments.megabytes / statistics.median(each) for each in zip(*seconds, strict=True)]
                print(
                    f"{direction} {arguments.megabytes} MB, {arguments.rounds} pairs: ours / sftp = "
                    f"{statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f}); "
                    f"median MB/s ours {speeds[1]:.0f}, sftp {speeds[0]:.0f}"
                )
            changes = (folder / "sshd.log").read_text(errors="replace").count("rekeying in")
            print(f"session keys were changed {changes} times in all")
            print("content:", "equal" if filecmp.cmp(local, back, shallow=False) else "DIFFERS")


if __name__ == "__main__":
    main()
