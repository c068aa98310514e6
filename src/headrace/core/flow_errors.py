"""Why something cannot be done to a job because of the others that it is tied to; see `core/errors.py`."""

from headrace.core.errors import Refused


class InFlow(Refused):
    """A job has a parent or children; they would lose it if it moved to another queue."""

    code = "in-flow"
    says = "{queue}/{id} belongs to a flow and cannot move to another queue; add the flow anew there"


class CannotFollow(Refused):
    """A new job below one that is in the store is to wait for others; these may wait for that one, all for ever."""

    code = "cannot-follow"
    says = (
        "a child that is added to {queue}/{id} cannot wait for jobs that are there already, which may wait for"
        " {queue}/{id}; let {queue}/{id} wait for them, or add the job without a parent"
    )


class FamilyTooLarge(Refused):
    """More jobs stand below this one than one step may remove."""

    code = "family-too-large"
    says = "more than {most} jobs stand below {queue}/{id}; remove parts of the flow first"
