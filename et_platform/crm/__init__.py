"""How to talk to a CRM: read a table or a query as Arrow text, one consistent snapshot at a time, and write rows back.

What belongs here: one adapter per kind of database, and errors that say what to do. What does not: which relations
are read and what their columns mean (catalog), what becomes of the rows (warehouse), and which are written (sync).
"""
