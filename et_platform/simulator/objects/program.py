"""Program: the old name of Automation, which Retrieve still takes [R].

What belongs here: that name. What does not: what one is (`automation.py`).
"""

from __future__ import annotations

from et_platform.simulator.objects import automation

SHAPE = automation.SHAPE
retrieve = automation.retrieve
start = automation.start
schedule = automation.schedule
