"""How the models in `dbt_models/` come to the lake: finding the project, its manifest, and running it.

What belongs here: everything that knows how dbt is started. What does not: models (dbt_models/) and assets
(defs/dbt.py). dbt itself runs in a process of its own; only the plugin, which lives in that process, imports it.
"""
