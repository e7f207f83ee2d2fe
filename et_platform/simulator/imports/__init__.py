"""The import engine: from a file in the Import folder to rows of a data extension.

A definition: `rules.py` what is wrong with one, `plan.py` how it reads a file, `locales.py` its dates and decimals.
A file: `files.py` which, `source.py` reading it, `mapping.py` which column goes where. Rows: `merge.py`, set by set.
A run: `tasks.py` what it is, `worker.py` running it, `report.py` the e-mail after it. `behaviour.py` has the settings.
What does not belong here: SOAP shapes (`../objects/`).
"""
