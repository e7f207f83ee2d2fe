"""`python -m et_platform.exacttarget`: the client at the terminal.

Belongs here: the way in. Does not: verbs (`cli.py`), variables (`environment.py`).
"""

import os
import sys

from et_platform.exacttarget.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
