"""Dagster resources: thin adapters that hand out plain objects.

What belongs here: from settings to opened parts. What does not: logic. Nothing is opened, read from the
environment or imported from the network's side until a step asks; no secret is a resource's configuration, so
none can be seen or set in the UI.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import dagster as dg

from et_platform import settings as configuration
from et_platform.catalog.business_unit import DEFAULT_UNIT
from et_platform.catalog.catalog import Catalog, load_catalog
from et_platform.dbt.project import Project
from et_platform.dbt.run import DbtRoad
from et_platform.inbound.road import InboundRoad
from et_platform.inbound.write_back import WriteBackRoad
from et_platform.ledger.ledger import Ledger
from et_platform.outbound.road import Pace, Reports, Road
from et_platform.settings import Settings
from et_platform.shared_limits import SharedLimits
from et_platform.warehouse.lake import Lake

if TYPE_CHECKING:
    from et_platform.crm.connect import Crm
    from et_platform.exacttarget.client import ExactTarget
    from et_platform.exacttarget.connection import Connection


class Platform(dg.ConfigurableResource):
    """Hands each step its road, from the settings of the process that runs it."""

    def road(
        self,
        *,
        run_id: str,
        tell: Callable[[str], None],
        needs: tuple[Literal["crm", "exacttarget"], ...],
        unit: str = DEFAULT_UNIT,
    ) -> Road:
        """The parts of the road into a business unit; raises SettingsError if one of `needs` lacks a setting."""
        settings = configuration.load().of_unit(unit)
        for part in needs:
            settings.require(part)
        return build_road(settings, run_id=run_id, tell=tell)

    def inbound_road(self, *, run_id: str, tell: Callable[[str], None], hurried: bool = False) -> InboundRoad:
        """The return road's parts; `hurried` gives up on a slow site sooner, as a sensor must."""
        settings = configuration.load()
        settings.require("exacttarget")
        return build_inbound_road(settings, run_id=run_id, tell=tell, hurried=hurried)

    def write_back_road(self, *, run_id: str, tell: Callable[[str], None]) -> WriteBackRoad:
        """The parts of writing back to the CRM."""
        settings = configuration.load()
        settings.require("crm")
        return build_write_back_road(settings, run_id=run_id, tell=tell)

    def dbt_road(self, project: Project, *, tell: Callable[[str], None]) -> DbtRoad:
        """The parts of running the models."""
        return build_dbt_road(configuration.load(), project, tell=tell)

    def catalog(self) -> Catalog:
        """The declarations, as they are now."""
        return load_catalog(configuration.load().catalog_path)


def build_road(settings: Settings, *, run_id: str, tell: Callable[[str], None]) -> Road:
    """A road from a business unit's settings; connections are opened by the steps that use them."""
    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)

    def open_crm() -> "AbstractContextManager[Crm]":
        from et_platform.crm.connect import connect

        settings.require("crm")
        assert settings.crm_url is not None
        return connect(settings.crm_url.get_secret_value())

    return Road(
        mid=settings.mid or 0,
        lake=Lake(settings.lake_path),
        ledger=Ledger(settings.ledger_database_url()),
        files=settings.files_path,
        open_crm=open_crm,
        open_exacttarget=lambda: _open_exacttarget(settings, tell),
        glance_at_exacttarget=lambda: _open_exacttarget(settings, tell, hurried=True),
        pace=Pace(
            poll=settings.poll_seconds,
            poll_cap=settings.poll_cap_seconds,
            import_deadline=settings.import_deadline_seconds,
            doubt_deadline=settings.doubt_deadline_seconds,
            turn_deadline=settings.turn_deadline_seconds,
        ),
        retention=timedelta(days=settings.retention_days),
        run_id=run_id,
        tell=tell,
        reports=_reports(settings),
        pgp_key=settings.pgp_public_key_file,
    )


def _reports(settings: Settings) -> Reports | None:
    """None if neither address nor folder is set; raises SettingsError if one is: reports would be lost silently."""
    if settings.report_address is None and settings.report_folder is None:
        return None
    if settings.report_address is None or settings.report_folder is None:
        missing = "ET_REPORT_ADDRESS" if settings.report_address is None else "ET_REPORT_FOLDER"
        raise configuration.SettingsError(
            f"{missing} is not set. ET_REPORT_ADDRESS (to which ExactTarget mails its reports on imports) and "
            "ET_REPORT_FOLDER (where those mails are put) go together: set both, or neither. Nothing was started."
        )
    return Reports(settings.report_address, settings.report_folder, settings.report_deadline_seconds)


def build_inbound_road(
    settings: Settings, *, run_id: str, tell: Callable[[str], None], hurried: bool = False
) -> InboundRoad:
    """A return road from settings; connections are opened by the steps that use them."""
    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return InboundRoad(
        mid=settings.mid or 0,
        lake=Lake(settings.lake_path),
        ledger=Ledger(settings.ledger_database_url()),
        files=settings.files_path,
        open_exacttarget=lambda: _open_exacttarget(settings, tell, hurried=hurried),
        run_id=run_id,
        tell=tell,
        retention=timedelta(days=settings.retention_days),
    )


def build_write_back_road(settings: Settings, *, run_id: str, tell: Callable[[str], None]) -> WriteBackRoad:
    """The way into the CRM from settings."""
    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    assert settings.crm_url is not None
    return WriteBackRoad(
        lake=Lake(settings.lake_path),
        ledger=Ledger(settings.ledger_database_url()),
        files=settings.files_path,
        crm_url=settings.crm_url.get_secret_value(),
        mid=settings.mid,
        run_id=run_id,
        tell=tell,
        retention=timedelta(days=settings.retention_days),
    )


def build_dbt_road(settings: Settings, project: Project, *, tell: Callable[[str], None]) -> DbtRoad:
    """What a dbt run works with, from settings."""
    settings.data_path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return DbtRoad(
        project=project,
        catalog=load_catalog(settings.catalog_path),
        lake=Lake(settings.lake_path),
        data_path=settings.data_path,
        tell=tell,
        mid=settings.mid,
    )


def _open_exacttarget(
    settings: Settings, tell: Callable[[str], None], *, hurried: bool = False
) -> "AbstractContextManager[ExactTarget]":
    from et_platform.exacttarget.client import ExactTarget
    from et_platform.exacttarget.connection import Patience, Timeouts

    connection, cache = _connection(settings), settings.token_cache
    if hurried:
        # A sensor's tick is ended after 60 s; what takes longer, as maintenance does, is for a later tick.
        return ExactTarget(connection, timeouts=Timeouts(connect=8, token=10, ftp=20), token_cache=cache)
    patience = Patience(longest=settings.maintenance_patience_seconds, poll=settings.maintenance_poll_seconds)
    limits = SharedLimits(
        Ledger(settings.ledger_database_url()),
        account=f"{settings.sftp_host}/{settings.sftp_user}",
        connection=connection,
    )
    return ExactTarget(connection, token_cache=cache, patience=patience, tell=tell, limits=limits)


def _connection(settings: Settings) -> "Connection":
    from et_platform.exacttarget.connection import Connection, SftpConnection

    settings.require("exacttarget")
    assert settings.auth_url and settings.client_id and settings.client_secret and settings.mid
    assert settings.sftp_host and settings.sftp_user and settings.sftp_host_key
    return Connection(
        auth_url=settings.auth_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        mid=settings.mid,
        soap_url=settings.soap_url,
        sftp=SftpConnection(
            host=settings.sftp_host,
            port=settings.sftp_port,
            user=settings.sftp_user,
            password=settings.sftp_password,
            private_key=settings.sftp_private_key(),
            passphrase=settings.sftp_passphrase,
            host_key=settings.sftp_host_key,
        ),
    )
