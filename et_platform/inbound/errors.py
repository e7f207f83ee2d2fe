"""What can stop the return road, beyond the errors of the libraries it uses.

Every message is one paragraph: what happened, what was and was not done, and what to do.
"""


class InboundError(Exception):
    """The road stopped; nothing is lost, and a re-run starts from a known state."""


class FileVanished(InboundError):
    """A file was seen on the site and is not there any more."""


class FileChanged(InboundError):
    """Another file has the name of the one that was to be fetched."""


class FetchedFileDamaged(InboundError):
    """What was fetched is not here any more as it was."""


class CopyGone(InboundError):
    """A file is to be read again, and what was fetched is not kept any more."""


class NotDeclared(InboundError):
    """No extract of the catalogue takes files of this name."""


class SomeNotTaken(InboundError):
    """Some of several files could not be taken; the others were."""


class NotFetched(InboundError):
    """The file has to be fetched before it can be loaded."""


class NothingRecognised(InboundError):
    """An archive holds no member of a known type."""


class NothingToProposeFrom(InboundError):
    """There is no snapshot to compare with."""


class JournalMissing(InboundError):
    """The rows of a write-back are gone."""


class NotDeclaredInCrm(InboundError):
    """The declaration names a table or column that the CRM does not have; the message names file and line."""
