"""Asynchronous requests: accepted at once, worked off later, their results retrieved as ResultMessage and ResultItem.

What belongs here: accepting (`accept.py`), how requests and conversations are kept (`kept.py`), working them off
(`worker.py`), telling whoever wants to be told (`respond.py`). What does not: what a request does (`operations.py`),
retrieving results (`objects/`).
"""
