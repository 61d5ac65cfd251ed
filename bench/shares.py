"""`python -m bench.shares SECONDS PERIOD PID…`: gives each process so much of every period, one after the other, and stops it else.

So a worker has a fixed share of a core, whatever else runs. Ends with SIGTERM; whoever was stopped goes on then.
"""

import contextlib
import os
import signal
import sys
import time


def main() -> None:
    """Deal out the time until somebody says enough."""
    share, period, pids = float(sys.argv[1]), float(sys.argv[2]), [int(word) for word in sys.argv[3:]]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        while True:
            ends = time.monotonic() + period
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
                time.sleep(share)
                os.kill(pid, signal.SIGSTOP)
            time.sleep(max(0.0, ends - time.monotonic()))
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    main()
