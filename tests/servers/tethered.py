"""Run a command as a child that ends with its parent, and not as root if a user is named.

A test run that is killed cannot stop its servers; on Linux the kernel then does. This file gives up root itself,
instead of being started without it, since the Python that runs it may lie where only root may read.
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ.update(HOME="/", USER=user, LOGNAME=user)


def end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the test run that wanted this server is gone")


def main(parent: str, user: str, *command: str) -> None:
    if user:
        become(user)
    end_with(int(parent))  # after the change of user, which would undo it
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
