"""What can stop the outbound road, beyond the errors of the libraries it uses.

Every message is one paragraph: what happened, what was and was not done, and what to do.
"""


class OutboundError(Exception):
    """The road stopped; nothing is lost, and a re-run starts from a known state."""


class DeclarationMismatch(OutboundError):
    """The catalogue and a real system disagree: a column, a field or a name."""


class NothingToPlanFrom(OutboundError):
    """The source was not read, or its model not built, yet."""


class GateClosed(OutboundError):
    """A guard holds the change set back."""


class NotApproved(OutboundError):
    """The change set waits for somebody to approve it, or its approval holds no more."""


class NotDecidable(OutboundError):
    """A row is not in quarantine, or nothing can be decided of it."""


class NotApprovable(OutboundError):
    """A decision that would mean nothing: the change set needs none, or is not what it was."""


class StagingFailed(OutboundError):
    """The files could not be written, for instance because the disk is full."""


class RowsMissing(OutboundError):
    """The file with the rows of a change set is gone."""


class StalePlan(OutboundError):
    """The source was read again, or the declaration changed, since the change set was planned."""


class ConsentChanged(OutboundError):
    """Somebody opted out since the change set was planned, and its rows would have said otherwise."""


class NeedsDecision(OutboundError):
    """An import's outcome is unknown and a repeat could have an effect: a person decides (`etp resolve`)."""


class ImportsQueue(OutboundError):
    """As many imports of the business unit as may be are under way, for longer than was to be waited."""


class ImportStillRunning(OutboundError):
    """The deadline passed before ExactTarget finished; the next run adopts the import."""
