"""WHY a row moves: folding, field rules, the plan, the gate, staging, read-back and reconciliation.

Values and relations (as SQL) in, values out. Nothing here opens, reads a clock or an environment, or knows
where rows are kept.
"""
