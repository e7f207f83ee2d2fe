"""The Dagster layer: one module per asset-key prefix, so that a key in the UI is the address of its code.

What belongs here: assets that show one step of the road each, with its figures. What does not: logic; each asset
calls one function of `outbound`. A module here imports no other module of this folder.
"""
