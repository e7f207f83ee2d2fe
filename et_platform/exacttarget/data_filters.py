"""Data filters: conditions over one data extension, and the activity that puts the rows they pick into another.

Belongs here: FilterDefinition and FilterActivity. Does not: what a condition is (`filters.py`), running one so that its
end is known (`automations.py`), and which operators suit which type of field: what does not fit, the service refuses.
"""

from et_platform.exacttarget.activities import delete, object_id_of, save
from et_platform.exacttarget.activity_models import DataFilter
from et_platform.exacttarget.errors import NotFound
from et_platform.exacttarget.filters import to_part
from et_platform.exacttarget.soap import Soap

_DATA_EXTENSION = 2
"""What a type id says of a source or a destination [R]."""


class DataFilters:
    """The data filters of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def define(self, *, data_filter: DataFilter) -> str:
        """Make filter and activity what is given, whether they are there or not; the activity's object id.

        Raises NotFound if source or target is not there, NameTaken, and what a condition is refused with.
        """
        types = self._soap.types
        source, target = (self._data_extension(key) for key in (data_filter.source_key, data_filter.target_key))
        named = {
            "CustomerKey": data_filter.customer_key,
            "Name": data_filter.name,
            "Description": data_filter.description,
        }
        definition = types.FilterDefinition(
            **named,  # an Update needs both of the following [D]
            DataSource=types.DataExtension(CustomerKey=data_filter.source_key, ObjectID=source),
            DataFilter=to_part(data_filter.condition, types),
        )
        activity = types.FilterActivity(
            **named,
            FilterDefinitionID=save(self._soap, "FilterDefinition", definition),
            SourceObjectID=source,
            SourceTypeID=_DATA_EXTENSION,
            DestinationObjectID=target,
            DestinationTypeID=_DATA_EXTENSION,
        )
        return save(self._soap, "FilterActivity", activity)

    def object_id(self, *, customer_key: str) -> str | None:
        """The object id of the filter activity of that key, or None."""
        return object_id_of(self._soap, "FilterActivity", customer_key)

    def delete(self, *, customer_key: str) -> bool:
        """Delete activity and filter; returns whether the activity was there. The rows that it picked stay."""
        was_there = delete(self._soap, "FilterActivity", customer_key)
        delete(self._soap, "FilterDefinition", customer_key)
        return was_there

    def _data_extension(self, customer_key: str) -> str:
        found = object_id_of(self._soap, "DataExtension", customer_key)
        if found is None:
            raise NotFound(
                f"The data extension {customer_key}, which a filter names, was not found; nothing was defined. Check "
                "the customer key and the business unit (MID)."
            )
        return found
