"""Run a program that dies with the process that started it: ``python tether.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT…]``.

A server started here must not outlive its supervisor, even one that was killed with SIGKILL and could clean up nothing.
Linux sends a process a signal of its choice when its parent dies (prctl(2), PR_SET_PDEATHSIG); the setting survives
execve(2), so this script makes it and becomes the program. Elsewhere it only becomes the program, and what was left over is
ended at the next start.

A script of its own, and not subprocess's ``preexec_fn``: code between fork and exec may deadlock in a process with threads.
Nothing but the standard library is imported, with ``-I -S``: it takes 15 ms.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, signal: int, uid: int, gid: int, command: list[str]) -> None:
    """Become the command, as the user ``uid`` (-1: the same), with ``signal`` to come when ``parent`` has died."""
    if uid >= 0:
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid, which clears it.
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the supervisor ended before its child began")
    os.execvp(command[0], command)


if __name__ == "__main__":
    _parent, _signal, _uid, _gid = map(int, sys.argv[1:5])
    main(_parent, _signal, _uid, _gid, sys.argv[5:])
