"""A world of the outbound road whose persons opt out, with keys of their own and a look at their status.

Subscribers are the business unit's, not a world's: so each world has its own keys.
"""

from et_platform.exacttarget.models import SubscriberChange
from et_platform.ledger.records import Kind
from et_platform.outbound.opt_outs import OptOuts
from et_platform.warehouse import events
from et_platform_tests.outbound.world import World
from et_platform_tests.scenario import person

OUT = {"opted_out": "1", "opted_out_at": "2026-03-01 10:00:00", "opted_in": "0"}
SERVER_TIME = "3/1/2026 4:00:00 AM"


class Story(World):
    """A world whose persons go by numbers."""

    def key(self, number: int) -> str:
        return f"{self.customer_key[-6:]}-{number}"

    def who(self, number: int, **changes: str | None) -> dict[str, str | None]:
        return person(id=self.key(number), email=f"{self.key(number)}@example.org") | changes

    def acknowledge(self, *people: dict[str, str | None]) -> None:
        """Let ExactTarget have these people."""
        self.crm(*people)
        self.run()

    def read_and_opt_out(self, *people: dict[str, str | None]) -> OptOuts:
        self.crm(*people)
        self.snapshot()
        return self.opt_out()

    def set_status(self, number: int, status, email: str | None = None) -> None:
        """What others do in ExactTarget."""
        with self.road.open_exacttarget() as exacttarget:
            change = SubscriberChange(key=self.key(number), status=status, email=email)
            (done,) = exacttarget.subscribers.update(changes=[change], add=True)
        assert done.ok

    def statuses(self) -> dict[int, str]:
        """The status by number, of those whom ExactTarget knows."""
        keys = {self.key(number): number for number in range(10)}
        with self.road.open_exacttarget() as exacttarget:
            return {keys[one.key.lower()]: one.status for one in exacttarget.subscribers.read(keys=keys)}

    def is_open(self, kind: Kind) -> bool:
        """Whether a change set or an attempt of the kind is open."""
        ledger, mid = self.road.ledger, self.road.mid
        return (
            ledger.open_change_set(mid, self.customer_key, kind) is not None
            or ledger.open_attempt(mid, self.customer_key, [kind]) is not None
        )

    def row(self, number: int) -> dict[str, str | None]:
        return self.rows()[self.key(number)]

    def unsubscribe_event(self, number: int, moment: str) -> None:
        """Let the lake have an unsubscribe of ExactTarget's own."""
        with self.road.lake.write() as connection:
            events.ensure_tables(connection)
            connection.execute(
                f'INSERT INTO {events.relation("unsubscribe")} ("ClientID", "SubscriberKey", "EventDate", _folded_key) '
                "VALUES (?, ?, ?::TIMESTAMPTZ, lower(?))",
                [self.road.mid, self.key(number), moment, self.key(number)],
            )
