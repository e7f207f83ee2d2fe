"""What happened to one row: a timeline put together from the lake and the ledger.

What belongs here: reading, masking and putting in order. What does not: writing anything, asking the CRM or
ExactTarget, and Dagster.
"""
