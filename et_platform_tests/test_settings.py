"""Settings that stand for one another."""

import pytest

from et_platform import settings
from et_platform.resources import _connection, _reports

ACCOUNT = {
    "auth_url": "https://auth.example.org/",
    "client_id": "i",
    "client_secret": "s",
    "mid": "7",
    "sftp_host": "h",
    "sftp_user": "7",
    "sftp_host_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4v0mm0B0Xl8ZBNJkYlHKjKdbVdKEHyCN9gWbJoMkUj",
}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(f"ET_{name.upper()}", value)
    return monkeypatch


def test_a_private_key_stands_for_the_password_or_beside_it(account, tmp_path):
    with pytest.raises(settings.SettingsError, match=r"^ET_SFTP_PASSWORD is not set"):
        settings.load().require("exacttarget")
    (tmp_path / "key").write_text("the key's text")
    account.setenv("ET_SFTP_PRIVATE_KEY_FILE", str(tmp_path / "key"))
    account.setenv("ET_SFTP_PASSPHRASE", "p")
    sftp = _connection(settings.load()).sftp
    assert sftp is not None
    assert sftp.private_key is not None
    assert sftp.passphrase is not None
    assert (sftp.password, sftp.private_key.get_secret_value(), sftp.passphrase.get_secret_value()) == (
        None,
        "the key's text",
        "p",
    )
    account.setenv("ET_SFTP_PRIVATE_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(settings.SettingsError, match=r"ET_SFTP_PRIVATE_KEY_FILE names .*none, which cannot be read"):
        _connection(settings.load())


def test_a_business_unit_takes_the_package_and_the_hosts_from_the_default_one_and_never_its_login(account):
    account.setenv("ET_SFTP_PASSWORD", "of the default unit")
    account.setenv("ET_BUSINESS_UNITS__MOUNTAIN__MID", "8")
    with pytest.raises(settings.SettingsError, match=r"^ET_BUSINESS_UNITS__MOUNTAIN__SFTP_PASSWORD is not set"):
        settings.load().of_unit("mountain").require("exacttarget")
    account.setenv("ET_BUSINESS_UNITS__MOUNTAIN__SFTP_PASSWORD", "of mountain")
    unit = settings.load().of_unit("mountain")
    unit.require("exacttarget")
    connection = _connection(unit)
    assert connection.sftp is not None
    assert connection.sftp.password is not None
    assert (connection.mid, connection.client_id, connection.sftp.user) == (8, "i", "8")
    assert (connection.sftp.host, connection.sftp.password.get_secret_value()) == ("h", "of mountain")
    assert _connection(settings.load().of_unit("default")).mid == 7, "the default unit stays what it is"


def test_a_business_unit_without_settings_or_with_anothers_mid_is_told(account):
    with pytest.raises(
        settings.SettingsError, match=r"ET_BUSINESS_UNITS__COAST__MID, .*COAST__SFTP_USER.* are not set"
    ):
        settings.load().of_unit("coast").require("exacttarget")
    account.setenv("ET_BUSINESS_UNITS__COAST__MID", "7")
    with pytest.raises(settings.SettingsError, match=r"ET_BUSINESS_UNITS__COAST__MID is 7, which is the MID of the de"):
        settings.load().of_unit("default")
    account.setenv("ET_BUSINESS_UNITS__COAST__MID", "seven")
    with pytest.raises(settings.SettingsError, match="ET_BUSINESS_UNITS__COAST__MID: "):
        settings.load()


@pytest.mark.parametrize(
    ("only", "value", "missing"),
    [("ADDRESS", "ops@a.example", "ET_REPORT_FOLDER"), ("FOLDER", "mail", "ET_REPORT_ADDRESS")],
)
def test_one_of_the_two_settings_of_reports_is_refused(account, only, value, missing):
    assert _reports(settings.load()) is None
    account.setenv(f"ET_REPORT_{only}", value)
    with pytest.raises(settings.SettingsError, match=rf"^{missing} is not set.*set both, or neither"):
        _reports(settings.load())
    account.setenv(missing, "ops@a.example")
    assert _reports(settings.load()) is not None
