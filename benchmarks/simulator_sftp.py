"""The local ExactTarget's own SFTP site: our put and get next to OpenSSH's `sftp`, and next to the same on an sshd.

    python benchmarks/simulator_sftp.py [--megabytes 512] [--rounds 5] [--folder /dev/shm]

Two questions. Is ours as fast as `sftp` on that site too (over 1: ours is faster)? And is the site the bottleneck: how
fast is the same client there, next to an OpenSSH server on the same loopback (under 1: the site is slower)? Each round
does all four, one after the other, the next round in the opposite order; every client logs in, moves the file and logs
out within the time that is measured. Needs what `sftp.py` needs.
"""

import argparse
import filecmp
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.machine import machine
from benchmarks.sftp import SSHD, openssh, ours, running_sshd, timed
from et_platform.exacttarget.connection import SftpConnection
from et_platform_tests.simulated import running_simulator

MID = "2000001"


def of_simulator(info: dict[str, str], key: str) -> SftpConnection:
    return SftpConnection(
        host=info["sftp_host"],
        port=int(info["sftp_port"]),
        user=f"{MID}_2",
        private_key=key,  # pyright: ignore[reportArgumentType]
        host_key=info["sftp_host_key"],
    )


def work_of(direction: str, site: SftpConnection, folder: Path, by: str, local: Path, back: Path) -> Callable[[], None]:
    """One transfer, with login and logout; each client has its own file on the site."""
    remote = f"Import/{by}"
    if by == "sftp":
        command = f"put {local} {remote}" if direction == "put" else f"get {remote} {back}"
        return lambda: openssh(site, folder, command)
    if direction == "put":
        return lambda: ours(site, lambda ftp: ftp.put(local=local, remote=remote))
    return lambda: ours(site, lambda ftp: ftp.get(remote=remote, local=back))


def told(name: str, ratios: list[float]) -> str:
    return f"  {name} {statistics.median(ratios):.2f} (min {min(ratios):.2f}, max {max(ratios):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files lie; one in memory (/dev/shm) spares the disk")
    arguments = parser.parse_args()
    if SSHD is None or shutil.which("sftp") is None:
        sys.exit("sshd or sftp is missing: install openssh-server and openssh-client.")
    with tempfile.TemporaryDirectory(prefix="sftp-", dir=arguments.folder) as name:
        folder = Path(name)
        (folder / "site" / "Import").mkdir(parents=True)
        local = folder / "local"
        with local.open("wb") as file:
            for _ in range(arguments.megabytes):
                file.write(os.urandom(1_000_000))
        print(machine("asyncssh", "cryptography"))
        with running_sshd(folder, "default none") as sshd:
            key, public = (folder / "user").read_text(), (folder / "user.pub").read_text().strip()
            login = {"business_unit": MID, "login": "key", "authorized_keys": [public]}
            unit = {"mid": MID, "name": "Files"}
            settings = folder / "settings.yaml"
            settings.write_text(yaml.safe_dump({"business_units": [unit], "ftp_users": [login]}))
            with running_simulator(folder / "data", "--settings", str(settings)) as simulator:
                sites = {"simulator": of_simulator(simulator.info, key), "sshd": sshd}
                for direction in ("put", "get"):
                    measure(direction, sites, folder, local, arguments.rounds, arguments.megabytes)


def measure(
    direction: str, sites: dict[str, SftpConnection], folder: Path, local: Path, rounds: int, megabytes: int
) -> None:
    back = folder / "back"
    kinds = [(by, site) for site in sites for by in ("sftp", "ours")]
    seconds: dict[tuple[str, str], list[float]] = {kind: [] for kind in kinds}
    for nth in range(rounds):
        for by, site in kinds if nth % 2 == 0 else kinds[::-1]:
            back.unlink(missing_ok=True)
            seconds[by, site].append(timed(work_of(direction, sites[site], folder, by, local, back)))
            if direction == "get" and not filecmp.cmp(local, back, shallow=False):
                sys.exit(f"what {by} got from {site} DIFFERS")
    speeds = {kind: megabytes / statistics.median(taken) for kind, taken in seconds.items()}
    print(f"{direction} {megabytes} MB, {rounds} rounds, median MB/s:")
    print("  " + ", ".join(f"{by} on {site} {speed:.0f}" for (by, site), speed in speeds.items()))

    def ratios(fast: tuple[str, str], slow: tuple[str, str]) -> list[float]:
        return [theirs / own for own, theirs in zip(seconds[fast], seconds[slow], strict=True)]

    print(told("on the simulator: ours / sftp =", ratios(("ours", "simulator"), ("sftp", "simulator"))))
    print(told("on sshd:          ours / sftp =", ratios(("ours", "sshd"), ("sftp", "sshd"))))
    for by in ("sftp", "ours"):
        print(told(f"{by}: simulator / sshd =", ratios((by, "simulator"), (by, "sshd"))))


if __name__ == "__main__":
    main()
