"""The demo: Northern Trail Outfitters' CRM, a local ExactTarget, and the road between them.

What belongs here: making the demo's world and telling its story. What does not: anything the platform needs; the
local ExactTarget is started as a process and never imported.
"""
