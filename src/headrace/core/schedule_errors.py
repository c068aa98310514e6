"""What may be wrong with a schedule; see `core/errors.py` for the families."""

from headrace.core.errors import Misuse, Refused


class BadSchedule(Misuse):
    """A schedule has no cron expression or time zone that we know, or would never add a job."""

    code = "bad-schedule"


class NoSuchSchedule(Refused):
    """There is no schedule of this name."""

    code = "no-such-schedule"
    says = "there is no schedule {name!r}"


class ScheduleChanged(Refused):
    """Somebody else has changed the schedule, or fired it, since it was read."""

    code = "schedule-changed"
    retryable = True
    says = "the schedule {name!r} has changed meanwhile; read it again"
