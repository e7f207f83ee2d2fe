"""WHAT is synchronised: declarations in YAML, the models they must fit, and the loader.

The folders `crm/`, `data_extensions/` and `writeback/` beside this file hold one YAML file an entity or data
extension; its file name is the last part of the asset keys. Nothing here knows how anything is done.
"""
