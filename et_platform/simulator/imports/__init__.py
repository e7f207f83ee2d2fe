"""The import engine: from a file in the Import folder to rows of a data extension.

`tasks.py` what an import task is; `plan.py` how a definition reads a file; `source.py` reading it; `merge.py` the
set-based merge; `worker.py` running tasks. What does not belong here: SOAP shapes.
"""
