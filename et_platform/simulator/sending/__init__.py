"""Sending: who is mailed, what is recorded of it, and the audience that reacts.

What belongs here: everything after a send was asked for. What does not: the objects by which it is (`objects/`),
statuses that people write (`tracking/people.py`), files and data views about it (`extracts/`, `queries/`).
"""
