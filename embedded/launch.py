"""Become the program given after `--`, bound to the life of the process that started us.

Run as a file by a bare interpreter (`python -I -S launch.py PARENT SIGNAL IDENTITY PIPE -- ARGV...`): what happens here
between fork and exec may not happen inside a process that has threads.

PARENT    our supervisor's pid: if it is gone already, we end at once
SIGNAL    the number we get when the supervisor dies, however it dies
IDENTITY  `same`; `namespace`: another user inside a namespace, while files stay ours; `UID:GID`: that user
PIPE      `-` on Linux, where the kernel watches; elsewhere a descriptor whose end of file says "parent gone"
"""

import ctypes
import os
import select
import sys

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
NOBODY = 65534


def main() -> None:
    """Take on the identity, arrange for our end, become the program."""
    arguments, argv = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    parent, signal, identity, pipe = arguments
    if identity == "namespace":
        _enter_namespace()
    elif identity != "same":
        user, group = identity.split(":")
        os.setgroups([])
        os.setgid(int(group))
        os.setuid(int(user))
    if pipe == "-":
        # after any change of user, which clears it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal))
        if os.getppid() != int(parent):
            sys.exit("the supervisor is gone")
    else:
        _watch(int(pipe), int(signal))
    os.execv(argv[0], argv)  # noqa: S606 - no shell is the point


def _enter_namespace() -> None:
    """A user namespace in which we are `nobody`: a user of a name and not root, as Postgres wants; no file changes hands."""
    user, group = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        sys.exit(f"no user namespace: {os.strerror(ctypes.get_errno())}")
    for name, text in ("setgroups", "deny"), ("uid_map", f"{NOBODY} {user} 1"), ("gid_map", f"{NOBODY} {group} 1"):
        with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123 - a bare interpreter: no more imports than needed
            file.write(text)


def _watch(pipe: int, signal: int) -> None:
    """Leave a watcher behind that sends us the signal at the pipe's end of file; the program keeps our pid."""
    program = os.getpid()
    if os.fork() != 0:
        os.close(pipe)
        return
    keep = {0, 1, 2, pipe}
    for descriptor in range(3, 256):  # above all the data folder's lock: the watcher must not hold it
        if descriptor not in keep:
            try:
                os.close(descriptor)
            except OSError:
                continue
    while os.getppid() == program:
        if select.select([pipe], [], [], 1.0)[0]:
            os.kill(program, signal)
            break
    os._exit(0)


if __name__ == "__main__":
    main()
