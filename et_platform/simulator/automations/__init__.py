"""Filter activities and automations: what runs inside the account by itself.

What belongs here: running them. What does not: the objects that describe them (`objects/`), queries (`queries/`),
sends (`sending/`).
"""
