"""The return road, step by step: request → detect → fetch → load.

What belongs here: composing the libraries (exacttarget, ingest, warehouse, ledger) into steps that may be killed
anywhere and simply run again. What does not: Dagster (defs shows these steps as assets and a sensor), and any rule
of its own about files (ingest) or about ExactTarget's wire (exacttarget).
"""
