"""Which relations of the CRM say something of consent, and how: from the declarations.

What belongs here: the one list that all who look at consent go by. What does not: the facts (consent_facts.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from et_platform.catalog.catalog import Catalog
from et_platform.catalog.consent import ConsentFacts
from et_platform.sync import consent_facts, opt_out


@dataclass(frozen=True)
class StatedBy:
    """An entity of the CRM, by its name, whose columns say who is out or in.

    `key` is SQL for the subscriber key of a row `s`; `evidence` the column that tells where an opt-out came from.
    """

    entity: str
    consent: ConsentFacts
    key: str
    evidence: str | None

    def facts(self, *, origin: str, snapshot: str) -> str:
        """SQL for the facts of a snapshot's rows (see consent_facts.of_crm)."""
        return consent_facts.of_crm(
            self.consent, origin=origin, snapshot=snapshot, key=self.key, evidence=self.evidence
        )


def stated_by(catalog: Catalog) -> Iterator[StatedBy]:
    """Each entity with columns of consent once: as its write-back declares them, else as a data extension does."""
    stated: dict[str, StatedBy] = {}
    for declared in catalog.everywhere():
        de, entity = declared.is_, declared.is_.source.crm
        if de.consent is not None and entity is not None:
            stated[entity] = StatedBy(entity, de.consent, opt_out.subscriber_key(de, catalog.crm[entity].is_), None)
    for name, written in catalog.writeback.items():
        key = stated[name].key if name in stated else "s._key"
        stated[name] = StatedBy(name, written.is_.consent, key, written.is_.consent.evidence)
    yield from stated.values()
