"""A month of 20,000 customers through faults: what happened against what the marts hold, to the row.

    python benchmarks/month.py [--customers 20000]

The month is that of et_platform_tests/end_to_end/test_month.py, which is the same for two hundred.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.machine import machine
from et_platform_tests.end_to_end.month import month


def main() -> None:
    """Live through a month and print both tallies; a difference is the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=20_000)
    given = parser.parse_args()
    print(machine())
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, month(Path(folder), customers=given.customers, tell=print) as lived:
        print(f"lived through in {time.perf_counter() - began:.0f} s")
        books, marts = lived.books(), lived.marts()
        print(f"faults that struck: {', '.join(lived.struck)}; calls and files that failed: {dict(lived.refused)}")
        for event_type, days in books.items():
            held = marts["events"][event_type]
            says = "the same" if held == days else "DIFFERENT"
            print(f"{event_type:12} {sum(days.values()):>9} in the books, {sum(held.values()):>9} in the lake: {says}")
        print({name: told for name, told in marts.items() if name != "events"})
    print(f"{time.perf_counter() - began:.0f} s in all")
    sys.exit(0 if (books, books["unsubscribe"]) == (marts["events"], marts["opt-outs"]) else 1)


if __name__ == "__main__":
    main()
