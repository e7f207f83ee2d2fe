"""Reading rows back from a data-extension extract: ask for the file, wait for it, read it, take it away.

What belongs here: one file from Export into a scratch table. What does not: when this way is taken (observe.py).

Nothing tells that an extract is done: the file is the answer. It is taken once its size and time stand still over two
looks; should it be cut off all the same, rows are missing from it and count as not proven.
"""

import secrets
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from et_platform.catalog.models import DataExtension
from et_platform.duckdb_support import literal, quoted
from et_platform.exacttarget.errors import ExactTargetError, NotFound
from et_platform.exacttarget.models import EXPORT, RemoteFile
from et_platform.outbound.road import Road

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget
    from et_platform.exacttarget.sftp import EnhancedFtp


def extracted_rows(
    road: Road,
    exacttarget: "ExactTarget",
    data_extension: DataExtension,
    names: list[str],
    scratch: duckdb.DuckDBPyConnection,
) -> bool:
    """Fill the scratch table `observed` with the fields `names` of every row; False, and no row, if no file came.

    Raises NotFound when the data extension is not there.
    """
    name = f"etp_readback_{secrets.token_hex(8)}.csv"
    try:
        exacttarget.extracts.request_data_extension(output_name=name, customer_key=data_extension.customer_key)
        with tempfile.TemporaryDirectory(dir=road.staged(data_extension)) as folder, exacttarget.ftp() as ftp:
            local = Path(folder) / name
            if not _wait(road, ftp, f"{EXPORT}/{name}"):
                road.tell(
                    f"The extract {name} did not come within {road.pace.import_deadline:.0f} s: rows are retrieved."
                )
                return False
            ftp.get(remote=f"{EXPORT}/{name}", local=local)
            ftp.remove(remote=f"{EXPORT}/{name}")
            return _load(road, local, names, scratch)
    except NotFound:
        raise
    except ExactTargetError as error:
        road.tell(f"No extract could be had, so rows are retrieved: {error}")
        return False


def _wait(road: Road, ftp: "EnhancedFtp", remote: str) -> bool:
    """Whether the file is there and stands still, before the deadline."""
    until = time.monotonic() + road.pace.import_deadline
    pause, before = road.pace.poll, None
    while time.monotonic() < until:
        now: RemoteFile | None = ftp.stat(remote=remote)
        if now is not None and now == before:
            return True
        before = now
        time.sleep(pause)
        pause = pause if now is not None else min(pause * 2, road.pace.poll_cap)
    return False


def _load(road: Road, local: Path, names: list[str], scratch: duckdb.DuckDBPyConnection) -> bool:
    columns = ", ".join(quoted(name) for name in names)
    try:
        with local.open(encoding="utf-8-sig") as content:
            headings = [one.strip().strip('"') for one in content.readline().rstrip("\r\n").split(",")]
        found = ", ".join(f"{literal(heading)}: 'VARCHAR'" for heading in headings)
        scratch.execute(
            f"INSERT INTO observed SELECT {columns} FROM read_csv({literal(str(local))}, header = true, "
            "all_varchar = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
            f"strict_mode = false, columns = {{{found}}})"
        )
    except (duckdb.Error, UnicodeDecodeError) as error:
        scratch.execute("DELETE FROM observed")
        road.tell(f"The extract could not be read ({type(error).__name__}), so rows are retrieved.")
        return False
    return True
