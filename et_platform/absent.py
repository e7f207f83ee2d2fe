"""Importing a library as if another, which it can do without, were not installed.

What belongs here: one function. What does not: deciding what is worth it; see defs/dbt.py.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(module: str) -> Iterator[None]:
    """For the block, `import <module>` raises ImportError, even where it was imported before."""
    former = sys.modules.get(module)
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
        if former is not None:
            sys.modules[module] = former
