"""How sure each operation of SOAP is, and what of it there is.

What belongs here: that table. What does not: object types and their properties (`evidence.py`).
"""

OPERATIONS = {
    "Create, Retrieve, Update, Delete, Perform": ("R", "by type, below; Create to Perform also asynchronously [D]"),
    "Extract": ("D", "tracking and data-extension extracts"),
    "Execute": ("D", "LogUnsubEvent, GetUserToken"),
    "Describe": ("R", "every type below"),
    "GetSystemStatus": ("D", "OK, InMaintenance, UnplannedOutage by setting or fault"),
    "VersionInfo": ("W", "one version, by setting [K]"),
    "Schedule": ("R", "automations and send definitions start as simulated time passes; other types are refused [D]"),
    "Configure": ("R", "understood, and refused for every simulated type [D]"),
    "Query": ("W", "never documented: not offered, neither here nor in our WSDL"),
}
