"""Extract: asking for files, writing them, and laying them into the account's Export folder.

What belongs here: the operation, its parameters, the two extracts that are simulated, the worker. What does not:
events and subscribers (`tracking/`), the rows of data extensions (`rows.py`). There is no task id and nothing to
poll: an extract's only answer is its file [D].
"""
