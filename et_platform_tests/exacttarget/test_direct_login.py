"""A person's way from a CRM screen into ExactTarget: the page that submits itself, and `etp login-url`."""

import os
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.direct_login import Screen, page
from et_platform.exacttarget.models import UserToken
from et_platform.login_page import NobodyCame, waiting
from et_platform_tests.end_to_end.platform import ETP
from et_platform_tests.exacttarget.scripted import simulated_connection
from et_platform_tests.simulated import running_simulator

TOKEN = UserToken(value=SecretStr('to"ken'), login_url="https://members.example.org/Integration/ILogin.aspx?a=b")


@pytest.fixture
def exacttarget(exacttarget_info) -> Iterator[ExactTarget]:
    with ExactTarget(simulated_connection(exacttarget_info)) as client:
        yield client


class Form(HTMLParser):
    """The form of a page, and what it would post."""

    def __init__(self, html: str):
        super().__init__()
        self.action, self.method, self.fields = "", "", {}
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.action, self.method = given["action"], given["method"]
        if tag == "input":
            self.fields[given["name"]] = given["value"]


def test_the_page_posts_the_token_and_tells_the_screen_in_the_address():
    made = page(token=TOKEN, screen=Screen(entity="subscribers", id='K&"1', action="update", has_navigation=False))
    form = Form(made.html)
    assert (form.method, form.fields) == ("post", {"UserToken": 'to"ken'})
    address = urlsplit(form.action)
    assert (address.scheme, address.netloc, address.path) == (
        *("https", "members.example.org", "/Integration/ILogin.aspx"),
    )
    assert parse_qs(address.query) == {
        **{"a": ["b"], "entityType": ["subscribers"], "entityID": ['K&"1']},
        **{"entityAction": ["update"], "displayNavi": ["false"]},
    }
    assert "ken" not in f"{made!r} {form.action}"
    assert made.headers["Cache-Control"] == "no-store"
    assert "form-action https://members.example.org" in made.headers["Content-Security-Policy"]
    nonce = re.search(r'nonce="([^"]+)"', made.html)
    assert nonce is not None
    assert f"'nonce-{nonce[1]}'" in made.headers["Content-Security-Policy"]


def test_an_update_of_nothing_is_refused_before_anything_is_asked_for():
    with pytest.raises(ValueError, match="takes its id"):
        Screen(entity="email", action="update")


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("entityType=subscribers&entityID=K1", 200, "subscribers K1"),
        ("ENTITYTYPE=admin", 200, "admin"),
        ("", 400, "entityType must be one of"),
        ("entityType=email&entityAction=update", 400, "update with an entityID"),
    ],
)
def test_the_local_exacttarget_takes_a_token_to_its_screen(exacttarget: ExactTarget, query, status, says):
    token = exacttarget.user_token()
    answer = requests.post(f"{token.login_url}?{query}", data={"UserToken": token.value.get_secret_value()}, timeout=30)
    assert (answer.status_code, says in answer.text) == (status, True), answer.text


def test_a_token_that_is_made_up_or_old_opens_nothing(tmp_path: Path):
    with running_simulator(tmp_path / "data", "--set", "user_token_seconds=0.05") as simulator:
        info = simulator.info
        environment = _environment(tmp_path, info)
        made = subprocess.run(
            [*ETP, "login-url", "--entity", "subscribers", "--form"],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        form = Form(made.stdout)
        late = requests.post(form.action, data=form.fields, timeout=30)
        assert (late.status_code, "has expired" in late.text) == (401, True)
        false = requests.post(form.action, data={"UserToken": form.fields["UserToken"][:-1]}, timeout=30)
        assert (false.status_code, "not one of ours" in false.text) == (401, True)


def test_etp_gives_an_address_without_a_token_that_works_once(tmp_path: Path, exacttarget_info):
    environment = _environment(tmp_path, exacttarget_info)
    words = ["login-url", "--entity", "subscribers", "--id", "NTO-1", "--seconds", "100"]
    with subprocess.Popen(
        [*ETP, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as etp:
        assert etp.stdout is not None
        url = etp.stdout.readline().strip()
        assert requests.get(f"{url}x", timeout=30).status_code == 404
        given = requests.get(url, timeout=30)
        said, complained = etp.communicate(timeout=60)
    form = Form(given.text)
    screen = requests.post(form.action, data=form.fields, timeout=30)
    assert (screen.status_code, "subscribers NTO-1" in screen.text) == (200, True)
    assert etp.returncode == 0, complained
    assert form.fields["UserToken"] not in said + complained + url
    assert given.headers["cache-control"] == "no-store"
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=30)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert form.fields["UserToken"].encode() not in kept


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--entity", "people"], "is not one of"),
        (["--entity", "email", "--action", "update"], "takes its id: add --id"),
        (["--entity", "email", "--user", "nobody", "--form"], "nobody"),
    ],
)
def test_etp_refuses_what_cannot_be(tmp_path: Path, exacttarget_info, words, says):
    etp = subprocess.run(
        [*ETP, "login-url", *words],
        env=_environment(tmp_path, exacttarget_info),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert etp.returncode != 0
    assert says in etp.stderr
    assert "Traceback" not in etp.stderr


def test_without_a_browser_no_token_is_asked_for():
    asked = []
    with waiting(lambda: asked.append(1)) as login, pytest.raises(NobodyCame, match="Nobody opened the page"):
        login.serve(seconds=0.05)
    assert not asked


def test_what_goes_wrong_is_told_to_the_terminal_and_not_to_the_browser():
    def fails():
        raise LookupError("no such user")

    with waiting(fails) as login, ThreadPoolExecutor(1) as browser:
        told = browser.submit(requests.get, login.url, timeout=30)
        with pytest.raises(LookupError):
            login.serve(seconds=30)
        assert isinstance(told.exception(), requests.ConnectionError)


def _environment(folder: Path, info) -> dict[str, str]:
    names = ("auth_url", "client_id", "client_secret", "mid")
    names += ("sftp_host", "sftp_port", "sftp_user", "sftp_password", "sftp_host_key")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "ET_DATA_PATH": str(folder / "etp"),
        "ET_CATALOG_PATH": str(Path(__file__).parents[2] / "et_platform" / "catalog"),
        **{f"ET_{name.upper()}": str(info[name]) for name in names},
    }
