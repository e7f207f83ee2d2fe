"""Runs the road of a world and kills itself during its first upload: halfway, or just before the rename."""

import json
import os
import signal
import sys
from pathlib import Path

from et_platform.exacttarget.sftp import EnhancedFtp
from et_platform_tests.outbound.world import World


def main() -> None:
    folder, info, moment = sys.argv[1:]
    original = EnhancedFtp.put

    def kill(done: int, size: int) -> None:
        if moment == "halfway" and 0 < done < size:
            os.kill(os.getpid(), signal.SIGKILL)

    EnhancedFtp.put = lambda self, local, remote, **named: original(self, local, remote, progress=kill, **named)
    if moment == "before the rename":
        EnhancedFtp._rename = lambda self, temporary, path: os.kill(os.getpid(), signal.SIGKILL)
    World(Path(folder), json.loads(info)).run()


if __name__ == "__main__":
    main()
