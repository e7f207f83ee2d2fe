"""The shape of the declarations: what a YAML file may say, with types, defaults and local rules.

What belongs here: the one place to import them from. What does not: the models, each in a module of its kind; reading
files (loader.py); rules that need two files (catalog.py).
"""

from et_platform.catalog.base import ColumnType, Declaration, Documented, Duration, Pii
from et_platform.catalog.consent import ConsentColumns, ConsentFacts, DataExtensionConsent
from et_platform.catalog.data_extension import DataExtension, DataExtensionSource
from et_platform.catalog.entity import Column, CrmEntity, CrmSource, Incremental
from et_platform.catalog.field import TEXT_FIELDS, DataExtensionField
from et_platform.catalog.guards import Guards
from et_platform.catalog.sending import Mapping, Retention, Schedule, Sendable
from et_platform.catalog.types import FieldType
from et_platform.catalog.write_back import EngagementColumns, WriteBack

__all__ = [
    "TEXT_FIELDS",
    "Column",
    "ColumnType",
    "ConsentColumns",
    "ConsentFacts",
    "CrmEntity",
    "CrmSource",
    "DataExtension",
    "DataExtensionConsent",
    "DataExtensionField",
    "DataExtensionSource",
    "Declaration",
    "Documented",
    "Duration",
    "EngagementColumns",
    "FieldType",
    "Guards",
    "Incremental",
    "Mapping",
    "Pii",
    "Retention",
    "Schedule",
    "Sendable",
    "WriteBack",
]
