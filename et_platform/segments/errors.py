"""What can stop a segment, beyond the errors of the libraries that it uses.

Every message is one paragraph: what happened, what was and was not done, and what to do.
"""


class SegmentError(Exception):
    """The segment stopped; a re-run starts from a known state."""


class SegmentRefused(SegmentError):
    """ExactTarget does not take the query or the filter as it is declared."""


class WouldErase(SegmentError):
    """The result data extension holds rows that no run of the segment put there."""


class SegmentInDoubt(SegmentError):
    """Whether the segment was started stays unknown, however often it was tried and looked."""


class SegmentStillRunning(SegmentError):
    """The deadline passed before ExactTarget finished; the next run adopts what runs."""


class SegmentFailed(SegmentError):
    """ExactTarget ended the run without its rows being there."""


class LakeQueryFailed(SegmentError):
    """The declared SQL over the lake cannot be run."""
