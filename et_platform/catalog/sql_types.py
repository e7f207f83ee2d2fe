"""The SQL type in which the values of a declared field are kept.

What belongs here: one mapping that plan, read-back and acknowledged rows share. What does not: values.
"""

from et_platform.catalog.models import DataExtensionField

READING_VERSION = 2
"""Of warehouse/reading.py's reading of the CRM's text; raise it when the same text is read as another value."""


def sql_type(field: DataExtensionField) -> str:
    """The DuckDB type that holds the field's values."""
    match field.type:
        case "Number":
            return "INTEGER"
        case "Decimal":
            return f"DECIMAL({field.precision}, {field.scale})"
        case "Boolean":
            return "BOOLEAN"
        case "Date":
            return "TIMESTAMP"
        case _:
            return "VARCHAR"
