"""How to talk to a CRM: read a table or a query as Arrow text, one consistent snapshot at a time.

What belongs here: one adapter per kind of database, and errors that say what to do. What does not: which relations
are read and what their columns mean (catalog), and what becomes of the rows (warehouse).
"""
