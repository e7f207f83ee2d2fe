"""Automations: steps of activities that ExactTarget runs in order, with a status that can be asked for.

Belongs here: Automation, which Retrieve answers as Program [R]. Does not: the activities (`queries.py`, `filters.py`),
and what a status means to anybody.
"""

from collections.abc import Sequence

from et_platform.exacttarget.activities import delete, save
from et_platform.exacttarget.activity_models import Activity, AutomationState
from et_platform.exacttarget.errors import InDoubt
from et_platform.exacttarget.faults import API
from et_platform.exacttarget.perform import perform_once
from et_platform.exacttarget.server_time import read_server_time
from et_platform.exacttarget.soap import Soap

_STATES = {
    -1: "Error",
    0: "BuildingError",
    1: "Building",
    2: "Ready",
    3: "Running",
    4: "PausedSchedule",
    5: "Stopped",
    6: "Scheduled",
    7: "AwaitingTrigger",
    8: "InactiveTrigger",
}


class Automations:
    """The automations of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def define(self, *, customer_key: str, name: str, steps: Sequence[Activity]) -> str:
        """Make the automation one of these steps, one activity each, whether it is there or not; its object id."""
        types = self._soap.types
        tasks = [
            types.AutomationTask(
                Name=f"{number} {activity.kind}",
                Sequence=number,
                Activities={
                    "Activity": [
                        types.AutomationActivity(
                            Name=activity.customer_key,
                            Sequence=1,
                            ActivityObject=getattr(types, activity.kind)(
                                CustomerKey=activity.customer_key, ObjectID=activity.object_id
                            ),
                        )
                    ]
                },
            )
            for number, activity in enumerate(steps, 1)
        ]
        one = types.Automation(
            CustomerKey=customer_key, Name=name, AutomationType="scheduled", AutomationTasks={"AutomationTask": tasks}
        )
        return save(self._soap, "Automation", one)

    def state(self, *, customer_key: str) -> AutomationState | None:
        """How the automation stands; None if there is none."""
        pages = self._soap.pages(
            "Automation",
            ("CustomerKey", "Status", "LastRunTime"),
            what=f"Asking for automation {customer_key}",
            where=self._soap.equals("CustomerKey", customer_key),  # equals and IN are all that it takes [3]
        )
        for page in pages:
            # Read by hand: the published WSDL has no Program, as which it is answered [R].
            for one in page.iterchildren(f"{{{API}}}Results"):
                told = (one.findtext(f"{{{API}}}Status") or "").strip()
                known = _STATES.get(int(told)) if told.lstrip("-").isdigit() else None
                ran = read_server_time(one.findtext(f"{{{API}}}LastRunTime"))
                is_real = (
                    ran is not None and ran.year > 1
                )  # a date that was never set may come as the first there is [K]
                return AutomationState(status=known or told or "not told", last_run=ran if is_real else None)
        return None

    def start(self, *, customer_key: str) -> None:
        """Run it once, now. Never repeated by itself; there is no task id [R], so ask for its `state`.

        Raises InDoubt whenever it may have started: look before it is started again. Every other error means that
        nothing was started.
        """
        what = f"Starting automation {customer_key}"
        definition = self._soap.types.Automation(CustomerKey=customer_key)
        done = perform_once(self._soap, action="start", definition=definition, what=what)
        if done.status != "OK":
            raise InDoubt(
                f"{what}: the service answered {done.status or 'no status'}. It may have started: ask for its status. "
                f"RequestID {done.request_id}.",
                request_id=done.request_id,
            )

    def delete(self, *, customer_key: str) -> bool:
        """Delete the automation; returns whether it was there. Its activities stay."""
        return delete(self._soap, "Automation", customer_key)
