"""One module per SOAP object type: its properties, rules, codes and wordings.

A module offers what its type supports: `save(service, objects, mode, operation)`, `delete(service, objects)`,
`retrieve(service, query)`, `start(service, definition)`. What does not belong here: envelopes and transport.
"""
