"""The data extension itself: looked at for a plan, made what its declaration says by an apply.

What belongs here: reading ExactTarget's definitions and changing them. What does not: what differs and what becomes of
it (schema_difference.py), and rows. Nothing destructive is ever done: what ExactTarget cannot change, or what would
lose data, is an error that names the line to correct.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from et_platform.catalog.catalog import Declared
from et_platform.catalog.models import DataExtension as Declaration
from et_platform.exacttarget.errors import NotFound
from et_platform.exacttarget.models import DataExtension, Field
from et_platform.outbound.errors import DeclarationMismatch
from et_platform.outbound.schema_difference import ROOT, Difference, compare, compare_fields, to_create
from et_platform.sync.identity import Operation
from et_platform.sync.staging import marker_of, travelling_fields

if TYPE_CHECKING:
    from et_platform.exacttarget.client import ExactTarget


def differences(exacttarget: "ExactTarget", declared: Declared[Declaration]) -> list[Difference]:
    """What an apply would make, change, refuse or only note; nothing is changed. Empty if all is as declared."""
    wanted = declared.is_
    present = _look(exacttarget, wanted)
    if present is not None and not _is_same(present, wanted):
        return [Difference("data extension", wanted.name, "refuse", _taken(declared, present))]
    found = list(_compare_folder(exacttarget, declared, present))
    if present is None:
        fields = ", ".join(f"{field.name} {field.type.value}" for field in to_create(wanted).fields)
        found.append(Difference("data extension", wanted.name, "make", f"{wanted.customer_key} is missing: {fields}"))
        return found
    return [*found, *compare(declared, present)]


def _compare_folder(
    exacttarget: "ExactTarget", declared: Declared[Declaration], present: DataExtension | None
) -> Iterator[Difference]:
    path = folder_path(declared.is_)
    if path is None:
        return
    where = f"{declared.at('folder')}: folder: "
    try:
        folder = exacttarget.folders.find(path=path)
    except NotFound as error:
        yield Difference("folder", path, "refuse", f"{where}{error}")
        return
    if folder is None and present is None:
        yield Difference("folder", path, "make", f"{where}is missing")
    elif present is not None and (folder is None or folder.id != present.category_id):
        yield Difference("folder", path, "note", f"{where}the data extension lies elsewhere there; people may move it")


def folder_path(wanted: Declaration) -> str | None:
    """The declared folder's path from the root's name; None without one."""
    if wanted.folder is None:
        return None
    first = wanted.folder.split("/")[0]
    return wanted.folder if first.lower() == ROOT.lower() else f"{ROOT}/{wanted.folder}"


def ensure_data_extension(
    exacttarget: "ExactTarget", declared: Declared[Declaration], *, acknowledged: int, is_first_load: bool
) -> str:
    """Make the data extension what its declaration says; returns `created`, `extended` or `unchanged`.

    `acknowledged` is the number of rows that it is known to hold because of us; at a first load nothing was ever
    imported. Raises DeclarationMismatch when the name is taken by another data extension, a field differs in a way that
    cannot be mended safely, the data extension vanished with rows of ours, or it holds rows whose ExactTarget-owned
    fields a first load would overwrite.
    """
    wanted = declared.is_
    present = _look(exacttarget, wanted)
    if present is not None and not _is_same(present, wanted):
        raise DeclarationMismatch(f"{_taken(declared, present)} Nothing was created and nothing was sent.")
    if present is None:
        if acknowledged:
            raise DeclarationMismatch(
                f"The data extension {wanted.customer_key} is not in ExactTarget any more (deleted, or its customer "
                f"key changed), and {acknowledged} rows in it were acknowledged. Restore it or correct the customer "
                f"key in {declared.at('customer_key')}; or, to fill it anew, run `etp forget {declared.name}` and "
                "apply again. Nothing was sent."
            )
        path = folder_path(wanted)
        folder = exacttarget.folders.ensure(path=path) if path is not None else None
        exacttarget.data_extensions.create(
            data_extension=to_create(wanted, folder_id=folder.id if folder is not None else None)
        )
        return "created"
    if is_first_load:
        _refuse_to_overwrite(exacttarget, declared)
    return "extended" if _apply(exacttarget, declared, compare(declared, present)) else "unchanged"


def ensure_consent_fields(exacttarget: "ExactTarget", declared: Declared[Declaration]) -> bool:
    """Make the fields that opt-outs change what is declared; whether the data extension is there at all.

    Nothing else is compared: whatever is wrong with other fields, opt-outs go. Raises DeclarationMismatch.
    """
    present = _look(exacttarget, declared.is_)
    if present is None or not _is_same(present, declared.is_):
        return False
    concerned = {*declared.is_.key_fields, *declared.is_.consent_fields}
    _apply(exacttarget, declared, list(compare_fields(declared, present, concerned)))
    return True


def changed_by_hand(exacttarget: "ExactTarget", declared: Declared[Declaration], operation: Operation) -> str:
    """What became of the data extension since it was last made what is declared, of all that a file of `operation`
    brings; empty if nothing. A field that is gone would be left out of the import without a word.
    """
    present = _look(exacttarget, declared.is_)
    if present is None or not _is_same(present, declared.is_):
        return "it is not there any more"
    carried = [*travelling_fields(declared.is_, operation), marker_of(declared.is_, operation)]
    return "; ".join(one.text for one in compare_fields(declared, present, carried) if one.action != "note")


def _apply(exacttarget: "ExactTarget", declared: Declared[Declaration], found: Sequence[Difference]) -> bool:
    """Do what is to be made and changed; whether there was anything. Raises before anything if something is refused."""
    wanted = declared.is_
    refused = [one.text for one in found if one.action == "refuse"]
    if refused:
        raise DeclarationMismatch(
            f"The data extension {wanted.customer_key} in ExactTarget is not what is declared: {'; '.join(refused)}. "
            "Correct the declaration, or the data extension in ExactTarget (types cannot change and lengths cannot "
            "shrink there). Nothing was changed and nothing was sent."
        )
    fields = exacttarget.data_extensions
    if missing := _fields(found, "make"):
        fields.add_fields(customer_key=wanted.customer_key, fields=missing)
    if changed := _fields(found, "change"):
        fields.change_fields(customer_key=wanted.customer_key, fields=changed)
    if itself := any(one.action == "change" and one.kind == "data extension" for one in found):
        present = _look(exacttarget, wanted)
        assert present is not None
        fields.update(data_extension=_with_relationship(present, wanted))
    return bool(missing or changed or itself)


def _with_relationship(present: DataExtension, wanted: Declaration) -> DataExtension:
    """What is there, with the declared relationship to subscribers: the one thing of itself that is changed."""
    said = to_create(wanted)
    return replace(
        present,
        sendable_field=said.sendable_field,
        sendable_subscriber_field=said.sendable_subscriber_field,
        retention=None,  # which leaves it as it is
    )


def _fields(found: Sequence[Difference], action: str) -> list[Field]:
    return [one.wanted for one in found if one.action == action and one.wanted is not None]


def _look(exacttarget: "ExactTarget", wanted: Declaration) -> DataExtension | None:
    """The data extension by its key, or, should that look have missed it, by its name; another may have that name."""
    found = exacttarget.data_extensions.get(customer_key=wanted.customer_key)
    return found or exacttarget.data_extensions.find_by_name(name=wanted.name)


def _is_same(found: DataExtension, wanted: Declaration) -> bool:
    return found.customer_key.lower() == wanted.customer_key.lower()


def _taken(declared: Declared[Declaration], present: DataExtension) -> str:
    return (
        f"{declared.at('name')}: name: ExactTarget already has a data extension named {declared.is_.name!r}, with "
        f"the customer key {present.customer_key!r}, and names must be unique. If it is the one you mean, "
        "declare its customer key; else choose another name."
    )


def _refuse_to_overwrite(exacttarget: "ExactTarget", declared: Declared[Declaration]) -> None:
    """A first load sends every field; a data extension that others filled must not lose what is theirs."""
    theirs = [name for name, field in declared.is_.fields.items() if field.owner == "exacttarget"]
    if not theirs:
        return
    customer_key, key = declared.is_.customer_key, declared.is_.key_field
    if any(batch.num_rows for batch in exacttarget.rows.read(customer_key=customer_key, fields=[key], batch_size=1)):
        raise DeclarationMismatch(
            f"{declared.at('customer_key')}: the data extension {customer_key} already holds rows that did not come "
            f"from here, and a first load would overwrite their {', '.join(theirs)}, which `owner: exacttarget` says "
            "is ExactTarget's. Leave these fields out of the declaration for the first load, or choose another data "
            "extension. Nothing was changed and nothing was sent."
        )
