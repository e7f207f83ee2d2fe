"""Faults on demand: what goes wrong, where, when and how often.

What belongs here: the faults that can be ordered (`effects.py`, `model.py`), deciding which of them strikes
(`plan.py`), the board on which they stand while the simulator runs (`board.py`), and one module per place of effect
(`web.py`, `files.py`, `imports.py`, `extracts.py`, `rows.py`) that carries them out. What does not: behaviour that the
service shows without being asked to (`behaviour.py`), SOAP faults that a request earns (`soap_faults.py`).
"""
