"""Every environment variable and every folder of the platform, once.

What belongs here: the names, types and defaults of `ET_*` variables and the folders derived from
`ET_DATA_PATH`. What does not: anything that opens, connects or validates beyond types. Nothing is read when
this module is imported; `load()` reads, and a part that needs a value asks for it with `require()`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class SettingsError(Exception):
    """A setting is missing or unusable; the message names the variables and what to do."""


class UnitSettings(BaseModel):
    """Where a business unit differs from the default one: its MID, and its own Enhanced FTP login.

    One installed package may serve several units, so its credentials, and the hosts, are the default unit's unless
    they are set here. A login to the Enhanced FTP belongs to one MID and is never taken from another unit.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    mid: int
    auth_url: str | None = None
    soap_url: str | None = None
    client_id: str | None = None
    client_secret: SecretStr | None = None
    sftp_host: str | None = None
    sftp_port: int | None = None
    sftp_host_key: str | None = None
    sftp_user: str | None = None  # the MID by default, which is the name of a unit's first user
    sftp_password: SecretStr | None = None
    sftp_private_key_file: Path | None = None
    sftp_passphrase: SecretStr | None = None


_OF_ONE_UNIT = ("mid", "sftp_user", "sftp_password", "sftp_private_key_file", "sftp_passphrase")


class Settings(BaseSettings):
    """The platform's settings, from the environment alone.

    An env file is put into the environment once, by whatever starts the process (`etp`, `dagster dev`), so that all
    parts of a process, and the processes it starts, agree.
    """

    model_config = SettingsConfigDict(env_prefix="ET_", env_nested_delimiter="__", extra="ignore")

    # The CRM, as an SQLAlchemy-style URL: sqlite:///crm.sqlite or postgresql://user:password@host/db
    crm_url: SecretStr | None = None

    # The ExactTarget account: an installed package's server-to-server credentials, and its Enhanced FTP user
    auth_url: str | None = None
    soap_url: str | None = None  # only when it must differ from the one in the token reply
    client_id: str | None = None
    client_secret: SecretStr | None = None
    mid: int | None = None
    sftp_host: str | None = None
    sftp_port: int = 22
    sftp_user: str | None = None
    sftp_password: SecretStr | None = None
    sftp_private_key_file: Path | None = None  # instead of the password, or beside it where the account wants both
    sftp_passphrase: SecretStr | None = None  # of that file
    sftp_host_key: str | None = None  # one public-key line: ssh-ed25519 AAAA…
    token_cache: Path | None = None  # a folder in which processes share the access token

    # Other business units, by the names that the catalogue declares: ET_BUSINESS_UNITS__MOUNTAIN__MID=…, …
    business_units: dict[str, UnitSettings] = Field(default_factory=dict)
    _unit: str = PrivateAttr(default="default")

    # Where things are kept
    data_path: Path = Path(".etp/data")
    catalog_path: Path | None = None  # other declarations than the ones that come with the package
    ledger_url: SecretStr | None = None  # PostgreSQL, to scale out; SQLite in the data path by default

    pgp_public_key_file: Path | None = None  # ExactTarget's OpenPGP key: data extensions' files are encrypted to it

    dbt_path: Path | None = None  # other dbt models than those that come with the package

    retention_days: int = 90  # how long the rows of settled change sets are kept

    # Reports: only the e-mail after an import tells why a row was rejected. What fetches mail puts it into a folder.
    report_address: str | None = None  # to which ExactTarget mails them; with report_folder, or not at all
    report_folder: Path | None = None  # where they are then, one message a file (.eml, or a Maildir)
    report_deadline_seconds: float = 60.0  # how long one is waited for

    # Waiting. The service asks for calm polling; a local one may be asked more often.
    poll_seconds: float = 2.0  # first pause between two looks at an import; doubles up to poll_cap_seconds
    poll_cap_seconds: float = 30.0
    import_deadline_seconds: float = 3600.0  # an import that takes longer is left for the next run to adopt
    doubt_deadline_seconds: float = 120.0  # how long an import of unknown outcome is asked for
    turn_deadline_seconds: float = 600.0  # how long a step waits while another run works on the same thing
    sensor_seconds: int = 30  # how often the FTP site is listed, at most

    # Maintenance and outages: work waits and goes on. The service wants one question a minute at most.
    maintenance_poll_seconds: float = 60.0
    maintenance_patience_seconds: float = 14_400.0  # a run that has waited so long gives up; 0: it fails at once

    @property
    def lake_path(self) -> Path:
        """The lake's folder: DuckLake catalogue and Parquet files."""
        return self.data_path / "lake"

    @property
    def files_path(self) -> Path:
        """Change sets and staged import files."""
        return self.data_path / "files"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder, unless DAGSTER_HOME names another."""
        return self.data_path / "dagster"

    def of_unit(self, name: str) -> "Settings":
        """The settings with those of a business unit in place; what it lacks is told by `require`.

        Raises SettingsError when two units have the same MID: each would undo what the other one plans.
        """
        mids: dict[int | None, str] = {self.mid: "the default unit"}
        for unit, of_it in self.business_units.items():
            other = mids.setdefault(of_it.mid, unit)
            if other != unit:
                raise SettingsError(
                    f"ET_BUSINESS_UNITS__{unit.upper()}__MID is {of_it.mid}, which is the MID of {other}. Give each "
                    "business unit its own, or declare one of them only."
                )
        if name == self._unit:
            return self
        found = self.business_units.get(name)
        given = found.model_dump(exclude_none=True) if found else {}
        own = dict.fromkeys(_OF_ONE_UNIT)
        if found:
            own["sftp_user"] = str(found.mid)
        unit = self.model_copy(update={**own, **given})
        unit._unit = name
        return unit

    def sftp_private_key(self) -> SecretStr | None:
        """The text of the private key's file. Raises SettingsError if it cannot be read."""
        if self.sftp_private_key_file is None:
            return None
        try:
            return SecretStr(self.sftp_private_key_file.read_text())
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise SettingsError(
                f"ET_SFTP_PRIVATE_KEY_FILE names {self.sftp_private_key_file}, which cannot be read: {reason}. Correct "
                "the path or the file's rights, and try again."
            ) from None

    def ledger_database_url(self) -> str:
        """SQLAlchemy URL of the ledger."""
        if self.ledger_url is not None:
            return self.ledger_url.get_secret_value()
        return f"sqlite:///{(self.data_path / 'ledger.sqlite').absolute()}"

    def require(self, part: Literal["crm", "exacttarget"]) -> None:
        """Raise SettingsError naming all variables that `part` needs and that are not set."""
        needed = {
            "crm": ("crm_url",),
            "exacttarget": (
                *("auth_url", "client_id", "client_secret", "mid"),
                *("sftp_host", "sftp_user", "sftp_password", "sftp_host_key"),
            ),
        }[part]
        absent = [name for name in needed if getattr(self, name) is None]
        if self.sftp_private_key_file is not None and "sftp_password" in absent:
            absent.remove("sftp_password")
        of_unit = f"BUSINESS_UNITS__{self._unit.upper()}__" if self._unit != "default" else ""
        missing = [f"ET_{of_unit if name in _OF_ONE_UNIT else ''}{name.upper()}" for name in absent]
        if missing:
            raise SettingsError(
                f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and the {part} "
                "connection needs it. Set it in the environment or in a .env file in the working directory "
                "(README: “A real account and a real CRM”), or start the demo with `etp demo`."
            )


def load() -> Settings:
    """Read the settings; raises SettingsError for a value of a wrong type (naming the variable, not the value)."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(f"ET_{'__'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
        raise SettingsError(f"These settings cannot be used: {problems}. Correct them and try again.") from None
