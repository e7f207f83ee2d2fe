"""Settings that stand for one another."""

import pytest

from et_platform import settings
from et_platform.resources import _connection

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
