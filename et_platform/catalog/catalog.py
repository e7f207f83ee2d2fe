"""The catalogue: all declarations of a folder, checked against each other.

What belongs here: finding the files, and rules that need two of them. What does not: how a file is read
(loader.py) and what it may say (models.py).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeVar

from et_platform.catalog.business_unit import DEFAULT_UNIT, BusinessUnit, address, unit_of
from et_platform.catalog.conflicts import extract_conflicts, segment_conflicts
from et_platform.catalog.extract import Extract
from et_platform.catalog.loader import CatalogError, Location, line_of, load_declaration
from et_platform.catalog.models import CrmEntity, DataExtension, Documented, WriteBack
from et_platform.catalog.segment import Segment
from et_platform.catalog.types import remedy

D = TypeVar("D", bound=Documented)

PACKAGED = Path(__file__).parent
"""The folder of the declarations that come with the package: Northern Trail Outfitters'."""


@dataclass(frozen=True)
class Declared(Generic[D]):
    """A declaration with its address: the name in asset keys, the file, and the line of every key.

    A data extension of another business unit than the default one has the unit in its name: `customers/mountain`.
    """

    name: str
    path: Path
    is_: D
    lines: dict[Location, int]

    def at(self, *location: str | int) -> str:
        """`file:line` of a key, for error messages."""
        return f"{self.path}:{line_of(self.lines, location)}"

    @property
    def unit(self) -> str:
        """The business unit in which it lives."""
        return unit_of(self.name)

    def key(self, prefix: str) -> list[str]:
        """The path of its asset of a kind."""
        return [prefix, *self.name.split("/")]


@dataclass(frozen=True)
class Catalog:
    """Everything that is synchronised, by name."""

    crm: dict[str, Declared[CrmEntity]]
    data_extensions: dict[str, Declared[DataExtension]]
    writeback: dict[str, Declared[WriteBack]] = field(default_factory=dict)
    extracts: dict[str, Declared[Extract]] = field(default_factory=dict)
    business_units: dict[str, Declared[BusinessUnit]] = field(default_factory=dict)
    segments: dict[str, Declared[Segment]] = field(default_factory=dict)

    def entity_of(self, data_extension: Declared[DataExtension]) -> Declared[CrmEntity]:
        """The CRM entity that feeds a data extension; raises CatalogError for one that is fed by something else."""
        entity = data_extension.is_.source.crm
        if entity is None:
            raise CatalogError(
                f"{data_extension.at('source')}: source: {data_extension.name} is not fed by one CRM entity."
            )
        return self.crm[entity]

    def entity(self, name: str) -> Declared[CrmEntity]:
        """The CRM entity declared as `name`, or as its plural; raises CatalogError listing the known ones."""
        return _named(self.crm, name if name in self.crm else f"{name}s", "CRM entity", name)

    def data_extension(self, name: str, unit: str | None = None) -> Declared[DataExtension]:
        """The data extension declared as `name`, in a business unit: the one that is asked for, or that `name` has
        (`customers/mountain`), else the default one, or the only one. Raises CatalogError listing the known ones.
        """
        plain, _, named = name.partition("/")
        declared = _named(self.data_extensions, plain, "data extension", plain)
        units = declared.is_.business_units
        unit = unit or named or (units[0] if len(units) == 1 else DEFAULT_UNIT)
        if unit not in units:
            raise CatalogError(
                f"The data extension {plain} does not live in the business unit {unit!r}; it lives in: "
                f"{', '.join(units)} ({declared.at('business_units')})."
            )
        return replace(declared, name=address(plain, unit))

    def everywhere(self) -> list[Declared[DataExtension]]:
        """Every data extension in every business unit in which it lives."""
        return [
            self.data_extension(name, unit)
            for name, declared in self.data_extensions.items()
            for unit in declared.is_.business_units
        ]

    def only_entity(self, name: str) -> "Catalog":
        """The part that reading one entity needs."""
        return Catalog(crm={name: self.crm[name]}, data_extensions={})

    def only(self, declared: Declared[DataExtension]) -> "Catalog":
        """The part that one data extension's road needs: itself, what it is made from, and who says who is out."""
        needed = [declared, *self.consent_of(declared)]
        names = dict.fromkeys(one.name.partition("/")[0] for one in needed)
        entities = [one.is_.source.crm for one in needed if one.is_.source.crm is not None]
        return replace(
            self,
            crm=self.crm if declared.is_.source.crm is None else {name: self.crm[name] for name in entities},
            data_extensions={name: self.data_extensions[name] for name in names},
            writeback={},
        )

    def consent_of(self, declared: Declared[DataExtension]) -> list[Declared[DataExtension]]:
        """The data extensions that say which of its subscribers are out: itself, if it declares `consent`; for one that
        is sendable all those of its business unit that do, as a subscriber's status is the unit's.
        """
        if declared.is_.consent is not None:
            return [declared]
        if declared.is_.sendable is None:
            return []
        return [one for one in self.everywhere() if one.is_.consent is not None and one.unit == declared.unit]

    def extract(self, name: str) -> Declared[Extract]:
        """The extract declared as `name`; raises CatalogError listing the known ones."""
        return _named(self.extracts, name, "extract", name)

    def segment(self, name: str) -> Declared[Segment]:
        """The segment declared as `name`; raises CatalogError listing the known ones."""
        return _named(self.segments, name, "segment", name)

    def write_back(self, name: str) -> Declared[WriteBack]:
        """The write-back declared for the entity `name`; raises CatalogError listing the known ones."""
        return _named(self.writeback, name, "write-back", name)


def _named(declared: dict[str, Declared[D]], key: str, what: str, asked: str) -> Declared[D]:
    if key not in declared:
        known = ", ".join(sorted(declared)) or "none"
        raise CatalogError(f"No {what} is declared as {asked!r}; declared: {known}.")
    return declared[key]


def load_catalog(folder: Path | None = None) -> Catalog:
    """All declarations below `folder` (the packaged ones by default).

    Raises CatalogError with every problem of every file, so that one correction round is enough.
    """
    folder = folder or PACKAGED
    problems: list[str] = []
    if not folder.is_dir():
        raise CatalogError(f"The catalogue folder {folder} does not exist; correct ET_CATALOG_PATH.")
    catalog = Catalog(
        crm=_load_folder(folder / "crm", CrmEntity, problems),
        data_extensions=_load_folder(folder / "data_extensions", DataExtension, problems),
        writeback=_load_folder(folder / "writeback", WriteBack, problems),
        extracts=_load_folder(folder / "extracts", Extract, problems),
        business_units=_load_folder(folder / "business_units", BusinessUnit, problems),
        segments=_load_folder(folder / "segments", Segment, problems),
    )
    problems += _conflicts(catalog)
    problems += _unit_conflicts(catalog)
    problems += _writeback_conflicts(catalog)
    problems += extract_conflicts(catalog)
    problems += segment_conflicts(catalog)
    if problems:
        raise CatalogError("\n".join(problems))
    return catalog


def _load_folder(folder: Path, model: type[D], problems: list[str]) -> dict[str, Declared[D]]:
    found: dict[str, Declared[D]] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        if not re.fullmatch(r"[a-z][a-z0-9_]*", path.stem):
            problems.append(f"{path}: a file name is part of an asset key: use a-z, 0-9 and _ only; rename it.")
            continue
        try:
            declaration, lines = load_declaration(path, model)
        except CatalogError as error:
            problems.append(str(error))
            continue
        found[path.stem] = Declared(path.stem, path, declaration, lines)
    return found


def _conflicts(catalog: Catalog) -> Iterator[str]:
    keys: dict[str, Declared[DataExtension]] = {}
    names: dict[str, Declared[DataExtension]] = {}
    for declared in catalog.data_extensions.values():
        de = declared.is_
        for seen, value, what in ((keys, de.customer_key, "customer_key"), (names, de.name, "name")):
            other = seen.setdefault(value.lower(), declared)
            if other is not declared:
                yield f"{declared.at(what)}: {what}: {value!r} is already used in {other.at(what)}; choose another."
        if de.source.crm is None:
            continue  # columns of a model or a query are known once it is there (outbound/source.py)
        entity = catalog.crm.get(de.source.crm)
        if entity is None:
            known = ", ".join(sorted(catalog.crm)) or "none"
            yield f"{declared.at('source', 'crm')}: source.crm: no CRM entity {de.source.crm!r}; declared: {known}."
            continue
        yield from _field_conflicts(declared, entity)
        yield from _key_conflicts(declared, entity)
        yield from _consent_conflicts(declared, entity)


def _field_conflicts(declared: Declared[DataExtension], entity: Declared[CrmEntity]) -> Iterator[str]:
    for name, is_ in declared.is_.fields.items():
        where = f"{declared.at('fields', name, 'from')}: fields.{name}.from"
        if is_.sql is not None or name == declared.is_.tombstone:
            continue  # sync/expressions.py knows what an expression may hold
        column = entity.is_.columns.get(is_.source)
        if column is None:
            known = ", ".join(entity.is_.columns)
            yield f"{where}: {entity.path} declares no column {is_.source!r}; it has: {known}."
        elif not is_.accepts(column.type):
            mend = remedy(is_.type, column.type, is_.source)
            yield f"{where}: a {is_.type} field cannot take the {column.type} column {is_.source!r}; {mend}."


def _key_conflicts(declared: Declared[DataExtension], entity: Declared[CrmEntity]) -> Iterator[str]:
    """Both keys are folded, column by column, in one order."""
    first = declared.is_.key_field
    found = tuple(declared.is_.fields[name].source for name in declared.is_.key_fields)
    if found != entity.is_.keys:
        where = f"{declared.at('fields', first, 'from')}: fields.{first}.from"
        wanted = ", ".join(entity.is_.keys)
        yield (
            f"{where}: the key fields must come from the entity's key ({wanted}), all of it and in its order; they "
            f"come from: {', '.join(found)}."
        )


def _consent_conflicts(declared: Declared[DataExtension], entity: Declared[CrmEntity]) -> Iterator[str]:
    consent, fields = declared.is_.consent, declared.is_.fields
    if consent is None:
        return
    for name, column in ((name, getattr(consent, name)) for name in consent.types):
        where = f"{declared.at('consent', name)}: consent.{name}"
        found = entity.is_.columns.get(column) if column is not None else None
        if column is not None and found is None:
            yield f"{where}: {entity.path} declares no column {column!r}; it has: {', '.join(entity.is_.columns)}."
        elif found is not None and found.type not in consent.types[name]:
            types = " or ".join(consent.types[name])
            yield f"{where}: needs a column of type {types}, and {column!r} is {found.type}."
    for name, types in (("subscriber_key", ("Text", "Number", "EmailAddress")), ("email", ("EmailAddress",))):
        field = getattr(consent, name)
        where = f"{declared.at('consent', name)}: consent.{name}"
        if field is not None and field not in fields:
            yield f"{where}: the data extension has no field {field!r}; it has: {', '.join(fields)}."
        elif field is not None and fields[field].type not in types:
            yield f"{where}: needs a field of type {' or '.join(types)}, and {field!r} is {fields[field].type}."
    for name in declared.is_.consent_fields:
        if fields[name].owner != "crm":
            yield (
                f"{declared.at('fields', name, 'owner')}: fields.{name}.owner: an opt-out changes this field, so it "
                "must be `owner: crm`; or leave it out."
            )


def _unit_conflicts(catalog: Catalog) -> Iterator[str]:
    if declared := catalog.business_units.get(DEFAULT_UNIT):
        yield f"{declared.path}:1: `{DEFAULT_UNIT}` is the unit of ET_MID, which needs no file; rename or remove it."
    known = [DEFAULT_UNIT, *(name for name in catalog.business_units if name != DEFAULT_UNIT)]
    for declared in catalog.data_extensions.values():
        units = declared.is_.business_units
        for number, unit in enumerate(units):
            where = f"{declared.at('business_units', number)}: business_units: "
            if unit not in known:
                yield (
                    f"{where}no business unit {unit!r}; declared: {', '.join(known)}. Add business_units/{unit}.yaml, "
                    "or correct the name."
                )
            elif unit in units[:number]:
                yield f"{where}{unit!r} is named twice; keep one."


def _writeback_conflicts(catalog: Catalog) -> Iterator[str]:
    for name, declared in catalog.writeback.items():
        entity = catalog.crm.get(name)
        if entity is None:
            known = ", ".join(sorted(catalog.crm)) or "none"
            yield f"{declared.path}:1: the file is named after no CRM entity; declared: {known}. Rename it."
            continue
        if (declared.is_.key,) != entity.is_.keys:
            yield (
                f"{declared.at('key')}: key: must be the entity's key, by which rows are read, and one column; that is "
                f"{', '.join(entity.is_.keys)}."
            )
        for place, (column, types) in declared.is_.columns().items():
            where = f"{declared.at(*place)}: {'.'.join(place)}"
            found = entity.is_.columns.get(column)
            if found is None:
                yield (
                    f"{where}: {entity.path} declares no column {column!r}, and what is not read cannot be guarded; "
                    f"declare it there. It has: {', '.join(entity.is_.columns)}."
                )
            elif found.type not in types:
                yield f"{where}: needs a column of type {' or '.join(types)}, and {column!r} is {found.type}."
