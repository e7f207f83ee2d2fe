"""File Transfer activities: those that unpack a file for an import.

Belongs here: starting one. Does not: what it transfers and to where, which is set where it is made, in ExactTarget's
web pages [D]; and its end, of which nothing tells but the import that finds the file, or does not.
"""

from et_platform.exacttarget.perform import perform_once
from et_platform.exacttarget.soap import Soap


class FileTransfers:
    """The File Transfer activities of the business unit. Raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def start(self, *, customer_key: str) -> str:
        """Start the transfer; returns its task id, "" if none is told. Whether it has ended by then is unconfirmed [K].

        Raises InDoubt if it may have started; to start it again transfers the same file once more.
        """
        definition = self._soap.types.FileTransferActivity(CustomerKey=customer_key)
        what = f"Starting file transfer {customer_key}"
        return perform_once(self._soap, action="start", definition=definition, what=what).task_id
