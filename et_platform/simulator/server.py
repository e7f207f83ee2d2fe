"""The server's life: bind, start, announce, serve, stop.

What belongs here: the one event loop with HTTP and SFTP in it, ports, signals, order of start and stop.
What does not: the command line (`cli.py`), what requests do.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from et_platform.simulator import advance, ftp, http, retrieval
from et_platform.simulator.account import Account, Folder
from et_platform.simulator.behaviour import Behaviour
from et_platform.simulator.faults.board import Board
from et_platform.simulator.faults.web import Web
from et_platform.simulator.rest import rowset
from et_platform.simulator.service import Units
from et_platform.simulator.store import Store

Announcement = dict[str, Any]
"""What clients need: auth_url, soap_url, rest_url, wsdl_url, sftp_host, sftp_port, sftp_user, sftp_password,
sftp_host_key, client_id, client_secret, mid. The three bases end in '/'. With children also `business_units`, a list
of their mid, name, sftp_user and sftp_password."""


class PortTaken(Exception):
    """A port that was asked for cannot be bound."""


class _Http(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are this module's business: HTTP is not the only thing to stop."""
        yield


def _bind(host: str, wanted: int | None, last: int) -> socket.socket:
    """A bound socket: on the wanted port, else the one last used, else any free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ports = [wanted] if wanted else [last, 0]
    for port in ports:
        # asyncio turns Nagle's delay (40 ms a reply) off only for sockets that say they are TCP.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
        except OSError as error:
            bound.close()
            if port == ports[-1]:
                raise PortTaken(f"{host}:{port}: {error.strerror}") from error
        else:
            return bound
    raise AssertionError("unreachable: the last port either binds or raises")


def run(
    folder: Folder,
    account: Account,
    behaviour: Behaviour,
    host: str,
    http_port: int | None,
    sftp_port: int | None,
    faults: Board,
    announce: Callable[[Announcement], None],
) -> None:
    """Serve until SIGTERM or SIGINT. `announce` is called once everything listens.

    Raises StoreInUse when another process has the folder, PortTaken.
    """
    os.umask(0o077)
    store = Store(folder.database, memory_mib=behaviour.memory_mib)
    try:
        web, files = _bind(host, http_port, account.http_port), _bind(host, sftp_port, account.sftp_port)
        account = account.model_copy(
            update={"host": host, "http_port": web.getsockname()[1], "sftp_port": files.getsockname()[1]}
        )
        folder.keep(account)
        asyncio.run(_serve(folder, account, behaviour, store, host, web, files, faults, announce))
    finally:
        store.close()


async def _serve(
    folder: Folder,
    account: Account,
    behaviour: Behaviour,
    store: Store,
    host: str,
    web: socket.socket,
    files: socket.socket,
    faults: Board,
    announce: Callable[[Announcement], None],
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    host_key, base_url = folder.host_key(), account.base_url
    advance.restore(store)
    units = Units(folder, account, behaviour, store, faults)
    sites = {unit: folder.ftp(unit.mid) for unit in account.units}
    files_site = await ftp.listen(sites, host_key, files, behaviour, faults)
    server = _Http(
        uvicorn.Config(
            Web(http.application(units, base_url, f"ftp://{host}:{account.sftp_port}"), units, base_url),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_keep_alive=75,
            server_header=False,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[web]))
    try:
        while not server.started and not serving.done():
            await asyncio.sleep(0.005)
        for unit in units:
            retrieval.forget_expired(unit)
            rowset.forget_expired(unit)
            unit.resume()
        children = [
            {"mid": one.mid, "name": one.name, "sftp_user": one.sftp_user, "sftp_password": one.sftp_password}
            for one in account.children
        ]
        announce(
            {
                "auth_url": base_url,
                "soap_url": base_url,
                "rest_url": base_url,
                "wsdl_url": f"{base_url}etframework.wsdl",
                "sftp_host": host,
                "sftp_port": account.sftp_port,
                "sftp_user": units.enterprise.account.sftp_user,
                "sftp_password": account.sftp_password,
                "sftp_host_key": host_key.export_public_key().decode().strip(),
                "client_id": account.client_id,
                "client_secret": account.client_secret,
                "mid": account.mid,
            }
            | ({"business_units": children} if children else {})
        )
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
    finally:
        server.should_exit = True
        faults.stop()
        # Requests wait for locks that a running merge holds, so both end together.
        workers = [worker for unit in units for worker in unit.workers]
        await asyncio.gather(serving, *(asyncio.to_thread(worker.stop) for worker in workers))
        await files_site.close()
