"""Files that arrive: when they are complete, unpacking them safely, reading their rows.

What belongs here: the rules of arrival as a pure function, archives, and tracking files turned into typed rows with
every rejected line named. What does not: fetching (exacttarget), keeping (warehouse), remembering (ledger).
"""
