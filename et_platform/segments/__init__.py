"""Segments: rows that ExactTarget picks by itself, run so that what came of it is known.

What belongs here: defining, starting, waiting, counting. What does not: declarations (catalog/segment.py), calls
(exacttarget/), how Dagster shows it (defs/segment.py).
"""
