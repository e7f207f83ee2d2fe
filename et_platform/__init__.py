"""et_platform keeps a CRM and an ExactTarget account in sync, both ways, as lineage-linked Dagster assets.

Libraries (exacttarget, crm, warehouse, ledger, sync) know nothing of Dagster; `outbound` composes them into
the road; `defs` shows that road as assets; `definitions` is the composition root. Import submodules
directly: this package exports nothing, so that no part pays for another's imports.
"""
