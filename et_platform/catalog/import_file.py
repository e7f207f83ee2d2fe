"""How the files of a data extension's imports are written: what is declared as `file`.

What belongs here: the choices, and what each can get wrong alone. What does not: writing them (sync/staging.py), and
how an import definition says them (outbound/mapping.py).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from et_platform.catalog.base import Declaration

DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|"}
"""The character between two cells, by its name."""


class ZippedFiles(Declaration):
    """Files travel as ZIP archives, and a File Transfer activity unpacks them, for imports read no archive.

    The activity is made in ExactTarget's web pages: it takes the file `name` of the folder Import, and lays what is in
    it where the file location `location` is. `transfer` is its customer key. `wait` is how many seconds it is given
    before the import is started; that it has ended when it answers is unconfirmed, and nothing tells its end. What is
    `encrypted`, to the key that ET_PGP_PUBLIC_KEY_FILE names, it decrypts before it unpacks it.
    """

    transfer: Annotated[str, Field(min_length=1, max_length=200)]
    name: Annotated[str, Field(pattern=r'^[^\\/:*<>|?"%\x00-\x1f]{1,200}$')]
    location: Annotated[str, Field(min_length=1, max_length=200)] = "Safehouse"
    wait: Annotated[float, Field(ge=0, le=3600)] = 30
    encrypted: bool = False


class ImportFileForm(Declaration):
    r"""The form of import files; every one of them has a heading, and text in quotes.

    `nulls` is what a cell holds that has no value, as `\N`; without it such a cell is empty, and whether that makes a
    text null or empty is not documented. It begins with a sign, so it is no number, date or Boolean; a text that is the
    same is withheld. `dates` is how dates are written: by default as ISO has it, which no locale reads differently; the
    locales are those that write decimals with a point, as all files do.

    What is more than `maximum_rows`, or than `maximum_megabytes` (of 1 000 000 bytes, before zipping), travels in
    several files, each with an import of its own; a row that is longer alone travels alone. No limit of ExactTarget's
    is documented: the default keeps a transfer that is cut off, or an import that fails, to a part of the whole.
    """

    delimiter: Literal["comma", "tab", "semicolon", "pipe"] = "comma"
    encoding: Literal["utf-8", "utf-16"] = "utf-8"
    nulls: Annotated[str, Field(pattern=r"^[\\#~*!?$%&@^][!-~]{1,19}$")] | None = None
    dates: Literal["iso", "en-US", "en-GB"] = "iso"
    zip: ZippedFiles | None = None
    maximum_rows: Annotated[int, Field(ge=1)] | None = None
    maximum_megabytes: Annotated[float, Field(gt=0)] = 1000

    @property
    def maximum_bytes(self) -> int:
        """The size that no file exceeds, unless one row does."""
        return max(1, int(self.maximum_megabytes * 1_000_000))

    @model_validator(mode="after")
    def _token_is_one_cell(self) -> "ImportFileForm":
        if self.nulls is not None and set(self.nulls) & {'"', *DELIMITERS.values()}:
            raise ValueError(f"nulls: {self.nulls!r} holds a quote or a delimiter; write a word such as \\N")
        return self
