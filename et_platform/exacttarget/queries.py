"""Query activities: SQL that ExactTarget runs over its data extensions, into one of them.

Belongs here: QueryDefinition. Does not: running one so that its end is known (`automations.py`): the status of a query
cannot be retrieved [D].
"""

from et_platform.exacttarget.activities import delete, object_id_of, save
from et_platform.exacttarget.activity_models import Query
from et_platform.exacttarget.soap import Soap


class Queries:
    """The query activities of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def define(self, *, query: Query) -> str:
        """Make the query activity what is given, whether it is there or not; its object id.

        Raises NameTaken, and ServiceUnavailable (code 2) for a query that cannot run: its own codes are not known.
        """
        types = self._soap.types
        one = types.QueryDefinition(
            CustomerKey=query.customer_key,
            Name=query.name,
            Description=query.description,
            QueryText=query.text,
            TargetType="DE",
            TargetUpdateType=query.update,
            DataExtensionTarget=types.InteractionBaseObject(CustomerKey=query.target_key, Name=query.target_name),
        )
        return save(self._soap, "QueryDefinition", one)

    def object_id(self, *, customer_key: str) -> str | None:
        """The object id of the query activity of that key, or None."""
        return object_id_of(self._soap, "QueryDefinition", customer_key)

    def delete(self, *, customer_key: str) -> bool:
        """Delete the query activity; returns whether it was there. Its target's rows stay."""
        return delete(self._soap, "QueryDefinition", customer_key)
