"""Folders: find, make, change, remove.

Belongs here: DataFolder. Does not: what lies in a folder (a data extension says so itself, by `category_id`).
"""

from collections.abc import Sequence
from typing import Any

from et_platform.exacttarget.errors import (
    InvalidDefinition,
    MalformedReply,
    NotFound,
    ServiceUnavailable,
    Throttled,
    Unreachable,
)
from et_platform.exacttarget.models import Folder
from et_platform.exacttarget.soap import Repeat, Soap

DATA_EXTENSIONS = "dataextension"
"""The content type of data extensions' folders [R]."""

_PROPERTIES = (
    "ID",
    "CustomerKey",
    "ParentFolder.ID",
    "Name",
    "Description",
    "ContentType",
    "IsEditable",
    "AllowChildren",
)


class Folders:
    """The folders of the business unit. Every method raises what `Soap.call` raises."""

    def __init__(self, soap: Soap):
        self._soap = soap

    def find_all(self, *, content_type: str | None = None) -> list[Folder]:
        """All folders, or those of one content type."""
        where = None if content_type is None else self._soap.equals("ContentType", content_type)
        found = self._soap.objects("DataFolder", _PROPERTIES, what="Listing the folders", where=where)
        return [read_folder(one) for one in found]

    def get(self, *, folder_id: int) -> Folder | None:
        """The folder, or None."""
        what = f"Looking for folder {folder_id}"
        where = self._soap.equals("ID", folder_id)
        found = self._soap.objects("DataFolder", _PROPERTIES, what=what, where=where)
        return read_folder(found[0]) if found else None

    def find(self, *, path: str, content_type: str = DATA_EXTENSIONS) -> Folder | None:
        """The folder at a path of names from the root's, `Data Extensions/CRM/Customers`, without case; or None."""
        return _at(_names(path), self.find_all(content_type=content_type))

    def ensure(self, *, path: str, content_type: str = DATA_EXTENSIONS) -> Folder:
        """The folder at a path; what is missing of it below the root is made. Raises NotFound for the root."""
        names, known = _names(path), self.find_all(content_type=content_type)
        folder = _at(names[:1], known)
        if folder is None:
            raise NotFound(
                f"There is no root folder {names[0]!r} of content type {content_type}. Begin the path with one of: "
                f"{', '.join(sorted(one.name for one in known if one.parent_id == 0)) or '(none)'}."
            )
        for depth in range(2, len(names) + 1):
            folder = _at(names[:depth], known) or self.create(name=names[depth - 1], parent=folder)
        return folder

    def create(
        self, *, name: str, parent: Folder, description: str = "", customer_key: str = "", allows_children: bool = True
    ) -> Folder:
        """Make a folder in another one, of the same content type. Raises AlreadyExists, InvalidDefinition.

        If the answer is lost, the folder is looked for: when it is there, it is the answer.
        """
        what = f"Creating folder {name} in folder {parent.id}"
        made = Folder(
            id=0,
            name=name,
            content_type=parent.content_type,
            parent_id=parent.id,
            customer_key=customer_key,
            description=description,
            allows_children=allows_children,
        )
        one = folder_to_send(self._soap.types, made)
        try:
            self._soap.write("Create", one, what=what, repeat=Repeat.UNSENT)
        except (Unreachable, ServiceUnavailable, Throttled, MalformedReply) as error:
            found = self._in(parent, name)
            if found is None:
                raise error from None
            return found
        found = self._in(parent, name)
        if found is None:
            raise MalformedReply(f"{what}: the service says that it was done, and does not show it. List the folders.")
        return found

    def update(self, *, folder: Folder) -> None:
        """Give the folder of that id the name, description, place and flags of this one. Raises NotFound."""
        one = folder_to_send(self._soap.types, folder)
        self._soap.write("Update", one, what=f"Updating folder {folder.id}")

    def delete(self, *, folder_id: int) -> bool:
        """Delete an empty folder; returns whether it was there."""
        one = self._soap.types.DataFolder(ID=folder_id)
        try:
            self._soap.write("Delete", one, what=f"Deleting folder {folder_id}")
        except NotFound:
            return False
        return True

    def _in(self, parent: Folder, name: str) -> Folder | None:
        what = f"Looking for folder {name} in folder {parent.id}"
        where = self._soap.equals("ParentFolder.ID", parent.id)
        found = self._soap.objects("DataFolder", _PROPERTIES, what=what, where=where)
        return next((read_folder(one) for one in found if _folded(one.Name or "") == _folded(name)), None)


def folder_to_send(types: Any, folder: Folder) -> Any:
    """The service's object for a folder; one that is to be made has the id 0."""
    one = types.DataFolder(
        Name=folder.name,
        Description=folder.description if folder.id else folder.description or folder.name,  # must be given [D]
        ContentType=folder.content_type,
        IsEditable=folder.is_editable,
        AllowChildren=folder.allows_children,
        **({"ID": folder.id} if folder.id else {"IsActive": True}),
        **({"CustomerKey": folder.customer_key} if folder.customer_key and not folder.id else {}),
    )
    if folder.parent_id:
        one.ParentFolder = types.DataFolder(ID=folder.parent_id)
    return one


def _names(path: str) -> list[str]:
    names = [name.strip() for name in path.strip("/").split("/")]
    if not all(names):
        raise InvalidDefinition(f"{path!r} is no path of folders: names with one slash between. Correct it.")
    return names


def _at(names: Sequence[str], known: Sequence[Folder]) -> Folder | None:
    parent = 0
    found: Folder | None = None
    for name in names:
        inside = (one for one in known if one.parent_id == parent and _folded(one.name) == _folded(name))
        found = next(inside, None)
        if found is None:
            return None
        parent = found.id
    return found


def _folded(name: str) -> str:
    return name.strip().casefold()


def read_folder(one: Any) -> Folder:
    """A folder from the service's object."""
    parent = one.ParentFolder
    return Folder(
        id=int(one.ID or 0),
        name=one.Name or "",
        content_type=one.ContentType or "",
        parent_id=int(parent.ID or 0) if parent is not None else 0,
        customer_key=one.CustomerKey or "",
        description=one.Description or "",
        is_editable=bool(one.IsEditable),
        allows_children=bool(one.AllowChildren),
    )
