"""What waiting for the result of a job raises."""

from headrace.core.errors import HeadraceError


class JobError(HeadraceError):
    """Waiting for a result ended without one."""

    code = "job-error"


class JobFailed(JobError):
    """The job failed for good; `reason` is what its last attempt said, `cause` the machine-readable why."""

    code = "job-failed"
    says = "{queue}/{id} failed: {reason}"


class ResultTimeout(JobError):
    """The job has not finished in time; it is still there and may finish later."""

    code = "result-timeout"
    retryable = True
    says = "{queue}/{id} has not finished within {timeout} s"
