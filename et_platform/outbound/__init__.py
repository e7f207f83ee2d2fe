"""The outbound road, step by step: snapshot → plan → stage → deliver → settle.

What belongs here: composing the libraries (crm, warehouse, ledger, sync, exacttarget) into steps that may be
killed anywhere and simply run again. What does not: Dagster (defs shows these steps as assets), and any rule of
its own about rows (sync) or about ExactTarget's wire (exacttarget).
"""
