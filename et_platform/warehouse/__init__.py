"""HOW rows are kept: the DuckDB lake with snapshots, acknowledged rows and quarantine.

What belongs here: tables of the lake and the transactions that write them. What does not: why a row moves
(sync), what happened (ledger), and any network.
"""
