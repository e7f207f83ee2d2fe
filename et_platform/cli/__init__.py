"""`etp`: a thin front. Each verb calls one function of a library, or materializes assets on the platform's instance.

What belongs here: options, environment, exit codes; one module a group of verbs, imported when the verb is asked for.
What does not: logic. The simulator is imported by `etp sim` alone.
"""

from et_platform.cli.main import main

__all__ = ["main"]
