"""Query activities: SQL that the account runs over its data extensions and data views.

What belongs here: what a query may say (`sql.py`, `rewrite.py`), what it may read (`relations.py`), running it into its
target (`target.py`, `worker.py`). What does not: the QueryDefinition object (`objects/query_definition.py`).
"""
