"""WHAT HAPPENED: the transactional record of change sets, attempts, files, import tasks and leases.

What belongs here: SQLAlchemy Core tables whose constraints do the guarding, and the transitions between states.
What does not: rows of customers, and any decision (sync).
"""
