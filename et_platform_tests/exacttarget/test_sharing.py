"""What clients share: access tokens between processes, slots for calls and connections; and what no one gets to see."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lxml.etree as etree
import pytest

from et_platform.exacttarget import errors
from et_platform.exacttarget.auth import Tokens
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection, SftpConnection, Timeouts
from et_platform.exacttarget.http import open_session
from et_platform.exacttarget.limits import CALLS, SFTP_CONNECTIONS, LocalLimits
from et_platform.exacttarget.token_cache import TokenFile
from et_platform_tests.exacttarget.scripted import (
    AT_ONCE,
    EXPIRED,
    HANG_UP,
    PACKAGE,
    QUICK,
    SECRET,
    STATUS_OK,
    Answer,
    ScriptedService,
    fault,
    message,
    performed,
    scripted_service,
)
from et_platform_tests.exacttarget.sites import running_site

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4v0mm0B0Xl8ZBNJkYlHKjKdbVdKEHyCN9gWbJoMkUj"


def client(service, **more) -> ExactTarget:
    return ExactTarget(service.connection(), timeouts=QUICK, retries=AT_ONCE, **more)


def test_processes_share_one_token_in_a_file_of_their_own(tmp_path):
    folder = tmp_path / "cache"
    with scripted_service(*[STATUS_OK] * 3) as service:
        for _ in range(3):  # three objects stand for three processes: they share the folder alone
            with client(service, token_cache=folder) as exacttarget:
                exacttarget.system_status()
        assert service.tokens == 1
        assert service.used_tokens() == ["bearer-1"] * 3
    (kept,) = folder.glob("token-*.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert SECRET not in kept.read_text()
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".lock"]


READ = """
import sys
from pathlib import Path
from et_platform.exacttarget.client import ExactTarget
from et_platform.exacttarget.connection import Connection
url, folder = sys.argv[1:]
connection = Connection(auth_url=url, client_id="id", client_secret="s3cr3t-of-the-test", mid=7)
with ExactTarget(connection, token_cache=Path(folder)) as exacttarget:
    exacttarget.log_in()
"""


def test_processes_that_start_together_ask_once(tmp_path):
    with scripted_service() as service:
        command = [sys.executable, "-c", READ, service.url, str(tmp_path / "cache")]
        running = [subprocess.Popen(command) for _ in range(3)]
        assert [one.wait(60) for one in running] == [0, 0, 0]
        assert service.tokens == 1


def test_an_expired_token_is_replaced_for_all(tmp_path):
    with scripted_service(STATUS_OK, EXPIRED, STATUS_OK, STATUS_OK) as service:
        with client(service, token_cache=tmp_path) as first, client(service, token_cache=tmp_path) as second:
            first.system_status()
            second.system_status()  # the service calls the shared token expired
            first.log_in()
            with client(service, token_cache=tmp_path) as third:
                third.system_status()
        assert service.used_tokens() == ["bearer-1", "bearer-1", "bearer-2", "bearer-2"]
        assert service.tokens == 2


def test_other_credentials_and_units_have_tokens_of_their_own(tmp_path):
    with scripted_service() as service:
        for changes in ({}, {"mid": 8}, {"client_id": "other"}):
            with ExactTarget(service.connection(**changes), token_cache=tmp_path) as exacttarget:
                exacttarget.log_in()
        assert service.tokens == 3


def test_the_end_of_a_shared_token_is_kept_by_the_wall_clock(tmp_path):
    now = {"clock": 1000.0, "wall": 5000.0}
    with scripted_service() as service:
        service.expires_in = 1000
        connection = service.connection()

        def tokens() -> Tokens:
            return Tokens(
                connection,
                PACKAGE,
                session=open_session(),
                timeouts=QUICK,
                cache=TokenFile(tmp_path, connection, PACKAGE),
                clock=lambda: now["clock"],
                wall_clock=lambda: now["wall"],
            )

        first = tokens().current()
        now.update(clock=77.0, wall=5500.0)  # another process, whose clock counts from elsewhere
        second = tokens()
        assert second.current().value == first.value
        now.update(clock=77.0 + 439, wall=5500.0 + 439)  # 60 s before the end
        assert second.current().value == first.value
        now.update(clock=77.0 + 441, wall=5500.0 + 441)
        assert second.current().value != first.value
        assert service.tokens == 2


def test_a_cache_that_others_can_read_is_not_used(tmp_path):
    with scripted_service() as service:
        with client(service, token_cache=tmp_path) as exacttarget:
            exacttarget.log_in()
        (kept,) = tmp_path.glob("token-*.json")
        kept.chmod(0o644)
        with client(service, token_cache=tmp_path) as exacttarget, pytest.raises(errors.Misconfigured) as caught:
            exacttarget.log_in()
        assert "bearer-1" not in str(caught.value)
        kept.chmod(0o600)
        kept.write_text("{")
        with client(service, token_cache=tmp_path) as exacttarget:
            exacttarget.log_in()
        assert service.tokens == 2


class Counting(LocalLimits):
    def __init__(self, **most: int):
        super().__init__(**most)
        self.now, self.most, self.sftp_now = 0, 0, 0
        self.lock = threading.Lock()

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        with super().call():
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            yield
            with self.lock:
                self.now -= 1

    @contextlib.contextmanager
    def sftp(self) -> Iterator[None]:
        with super().sftp():
            self.sftp_now += 1
            yield
            self.sftp_now -= 1


def test_promise_13_slots_come_from_outside_and_are_given_back(tmp_path):
    limits = Counting(calls=2, sftp_connections=1)
    with running_site(tmp_path / "site") as site, scripted_service(*[STATUS_OK] * 8) as service:
        connection = service.connection(sftp=site.connection())
        with (
            ExactTarget(connection, timeouts=QUICK, limits=limits) as one,
            ExactTarget(connection, limits=limits) as two,
        ):
            threads = [threading.Thread(target=which.system_status) for which in (one, two) * 4]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert (limits.now, len(service.calls)) == (0, 8)
            assert limits.most <= 2
            entered = threading.Event()

            def connect() -> None:
                with two.ftp():
                    entered.set()

            with one.ftp():
                waiting = threading.Thread(target=connect)
                waiting.start()
                assert not entered.wait(0.2)
            assert entered.wait(10)
            waiting.join()
            assert limits.sftp_now == 0
        with ExactTarget(service.connection(sftp=site.connection(password="wrong")), limits=limits) as wrong:
            for _ in range(2):
                with pytest.raises(errors.SftpAuthenticationFailed), wrong.ftp():
                    pass


def most_at_once(service: ScriptedService, clients: list[ExactTarget], *, expected: int) -> int:
    """How many calls the service had at the same time; it answers none before `expected` have come."""
    answer, guard, full, too_many = ScriptedService.answer, threading.Lock(), threading.Event(), threading.Event()
    now = most = 0

    def slowly(path: str, action: str, body: bytes) -> Answer:
        nonlocal now, most
        if action:
            with guard:
                now += 1
                most = max(most, now)
                if now == expected:
                    full.set()
                if now > expected:
                    too_many.set()
            full.wait(20)
            too_many.wait(0.2)
            with guard:
                now -= 1
        return answer(service, path, action, body)

    service.answer = slowly  # pyright: ignore[reportAttributeAccessIssue]
    with ThreadPoolExecutor(50) as pool:
        asked = [pool.submit(client.system_status) for client in clients for _ in range(50 // len(clients))]
        assert {one.result().value for one in asked} == {"OK"}
    return most


def test_promise_13_clients_of_a_business_unit_share_its_slots_and_another_unit_has_its_own():
    with scripted_service(*[STATUS_OK] * 100) as service:

        def opened(**changes: object) -> ExactTarget:
            return ExactTarget(service.connection(**changes), timeouts=Timeouts(sync=30))

        with opened() as one, opened(client_id="other", auth_url=service.url + "/") as two, opened(mid=8) as another:
            assert most_at_once(service, [one, two], expected=CALLS) == CALLS
            assert most_at_once(service, [one, another], expected=2 * CALLS) == 2 * CALLS


def test_promise_13_clients_share_the_connections_of_an_ftp_user_and_another_user_has_its_own():
    site = SftpConnection.model_validate({"host": "site", "user": "7", "password": "p", "host_key": HOST_KEY})
    transport: Any = SimpleNamespace(close=lambda: None)

    def opened(mid: int, user: str) -> ExactTarget:
        values = {"auth_url": "http://a", "client_id": "i", "client_secret": "s", "mid": mid}
        with_site = values | {"sftp": site.model_copy(update={"user": user})}
        return ExactTarget(Connection.model_validate(with_site), sftp_transport=lambda: transport)

    one, two, another = opened(7, "7"), opened(8, "7"), opened(7, "8")
    entered = threading.Event()

    def enter() -> None:
        with two.ftp():
            entered.set()

    with contextlib.ExitStack() as stack:
        for number in range(SFTP_CONNECTIONS - 1):
            stack.enter_context((one, two)[number % 2].ftp())
        with one.ftp():
            waiting = threading.Thread(target=enter)
            waiting.start()
            with another.ftp():
                assert not entered.wait(0.2)
        assert entered.wait(10)
        waiting.join()


FORKED = """
import os, signal
from et_platform.exacttarget.connection import Connection
from et_platform.exacttarget.limits import LocalLimits
connection = Connection(auth_url="http://a", client_id="i", client_secret="s", mid=7)
limits = LocalLimits(calls=1, connection=connection)
with limits.call():
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        with LocalLimits(calls=1, connection=connection).call():
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_a_forked_process_does_not_wait_for_slots_of_threads_that_it_does_not_have():
    assert subprocess.run([sys.executable, "-c", FORKED], timeout=60).returncode == 0


def test_clients_that_are_open_together_share_one_token_and_no_one_elses():
    with scripted_service(*[STATUS_OK] * 5, EXPIRED, STATUS_OK, EXPIRED, STATUS_OK) as service:
        with client(service) as one, client(service) as two:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(lambda which: which.log_in(), (one, two) * 4))
            assert service.tokens == 1
            for changes in ({"client_secret": "wrong"}, {"mid": 8}, {"client_id": "other"}):
                with ExactTarget(service.connection(**changes)) as other:
                    other.system_status()
            for which in (one, two, one, two):  # from the third on, the service calls their token expired
                which.system_status()
        assert service.tokens == 5
        assert service.used_tokens() == [f"bearer-{number}" for number in (2, 3, 4, 1, 1, 1, 5, 1, 5)]
        with client(service) as later:
            later.log_in()
        assert service.tokens == 6


def test_every_request_carries_an_id_and_every_error_has_it():
    troubles = [fault("Unplanned Outage", code=2), (503, b""), HANG_UP, (200, b"<cut"), fault("no", kind="soap:Client")]
    for trouble in troubles:
        with scripted_service(*[trouble] * 3) as service, client(service) as exacttarget:
            with pytest.raises(errors.ExactTargetError) as caught:
                exacttarget.data_extensions.get(customer_key="k")
            sent = {
                etree.fromstring(body).findtext(".//{http://schemas.xmlsoap.org/ws/2004/08/addressing}MessageID")
                for _, body in service.calls
            }
        assert sent == {caught.value.request_id}
        assert str(caught.value.request_id).startswith("urn:uuid:")


def test_an_import_whose_start_is_in_doubt_has_the_id_of_its_request():
    with scripted_service(HANG_UP) as service, client(service) as exacttarget:
        with pytest.raises(errors.StartInDoubt) as caught:
            exacttarget.imports.start(customer_key="i")
        assert str(caught.value.request_id).encode() in service.calls[0][1]


@pytest.mark.parametrize("lost", [HANG_UP, (503, b""), performed("", "Has Errors"), fault("Outage", code=2)])
def test_clearing_and_adding_rows_are_not_repeated_when_the_answer_is_lost(lost):
    with scripted_service(lost, lost) as service, client(service) as exacttarget:
        with pytest.raises(errors.InDoubt, match="Clearing data extension k"):
            exacttarget.data_extensions.clear(customer_key="k")
        assert len(service.calls) == 1
        if lost[1] == b"" or lost == HANG_UP:
            with pytest.raises(errors.InDoubt, match="Adding rows") as caught:
                exacttarget.rows.insert(customer_key="k", rows=[{"a": "1"}])
            assert caught.value.__notes__ == ["0 objects had their results before; the next 1 are concerned."]
            assert len(service.calls) == 2


def test_rows_that_were_handed_over_are_not_taken_twice_when_the_answer_is_lost():
    taken = (
        '<Results xsi:type="UpdateResult"><StatusCode>Error</StatusCode><StatusMessage>used</StatusMessage>'
        "<OrdinalID>0</OrdinalID><ErrorCode>{code}</ErrorCode></Results><RequestID>r</RequestID>"
        "<OverallStatus>Error</OverallStatus>"
    )
    for code, is_taken in ((211, True), (215, True), (218, False)):
        answer = message("UpdateResponse", taken.format(code=code))
        with scripted_service(HANG_UP, answer) as service, client(service) as exacttarget:
            if is_taken:
                write = exacttarget.rows.upsert_later(customer_key="k", rows=[{"a": "1"}])
                assert write.conversations[0].encode() in service.calls[0][1]
                assert write.conversations[0].encode() in service.calls[1][1]
            else:
                with pytest.raises(errors.InvalidDefinition):
                    exacttarget.rows.upsert_later(customer_key="k", rows=[{"a": "1"}])
            assert len(service.calls) == 2


def secrets_of(connection: Connection) -> list[str]:
    assert connection.sftp is not None
    hidden = [
        connection.client_secret,
        connection.sftp.password,
        connection.sftp.private_key,
        connection.sftp.passphrase,
    ]
    return [one.get_secret_value() for one in hidden if one is not None]


def test_no_repr_error_or_log_shows_a_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("DEBUG")
    sftp = SftpConnection(
        host="127.0.0.1",
        port=9,
        user="u",
        password="p4ss-secret",  # pyright: ignore[reportArgumentType]
        private_key="k3y-secret",  # pyright: ignore[reportArgumentType]
        passphrase="phr4se-secret",  # pyright: ignore[reportArgumentType]
        host_key=HOST_KEY,
    )
    troubles = [STATUS_OK, EXPIRED, EXPIRED, fault("Login failed", kind="q0:Security"), (503, b""), HANG_UP, HANG_UP]
    shown: list[str] = []
    with scripted_service(*troubles, *[(403, b"")] * 3) as service:
        connection = service.connection(sftp=sftp)
        with ExactTarget(connection, timeouts=QUICK, retries=AT_ONCE, token_cache=tmp_path) as exacttarget:
            shown += [repr(exacttarget), repr(connection), str(connection), repr(sftp)]
            for ask in (*[exacttarget.system_status] * 6, lambda: exacttarget.ftp().__enter__()):
                try:
                    ask()
                except errors.ExactTargetError as error:
                    shown += [str(error), repr(error), *getattr(error, "__notes__", ())]
                    shown += [repr(each) for each in (error.__cause__, error.__context__) if each is not None]
        tokens = [f"bearer-{n}" for n in range(1, service.tokens + 1)]
    text = "\n".join(shown) + caplog.text
    assert len(shown) > 12
    for secret in (*secrets_of(connection), *tokens):
        assert secret not in text
    assert os.listdir(tmp_path)  # noqa: PTH208
