"""What became of each row of a write.

Belongs here: reading one row's result, with all its key and value errors. Does not: calls (`rows.py`,
`asynchronous.py`).
"""

from typing import Any

from et_platform.exacttarget.models import FieldError, RowResult


def read_row_result(row: int, result: Any) -> RowResult:
    """The outcome of one row from the result of its Create, Update or Delete."""
    key_errors, value_errors = getattr(result, "KeyErrors", None), getattr(result, "ValueErrors", None)
    errors = [
        *(key_errors.KeyError if key_errors is not None else ()),
        *(value_errors.ValueError if value_errors is not None else ()),
    ]
    return RowResult(
        row=row,
        ok=result.StatusCode == "OK",
        code=result.ErrorCode,
        message=getattr(result, "ErrorMessage", None) or result.StatusMessage or "",
        field_errors=tuple(
            FieldError(
                name=error.Name or "",
                code=None if error.ErrorCode is None else int(error.ErrorCode),
                message=error.ErrorMessage or "",
            )
            for error in errors
        ),
    )
