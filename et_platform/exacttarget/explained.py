"""What ExactTarget's numbers and words mean, and what to do about each.

Belongs here: codes, import statuses and fault texts as data, with how sure each meaning is. Does not: which error
class a code becomes (`faults.py`).

A code that nobody has explained is shown as such, never guessed at.
"""

from dataclasses import dataclass
from typing import Literal

Strength = Literal["documented", "recorded", "unconfirmed"]
"""How sure a meaning is: the vendor's documentation [D], recorded real traffic [R], or background knowledge [K]."""


@dataclass(frozen=True)
class Meaning:
    """What a code or a word says, in one clause without its full stop, and the remedy as a sentence."""

    words: str
    remedy: str
    strength: Strength = "documented"

    def __str__(self) -> str:
        doubt = "" if self.strength != "unconfirmed" else " (not confirmed by the vendor's documentation)"
        return f"{self.words[0].upper()}{self.words[1:]}{doubt}. {self.remedy}"


_REPORT = "Report this with the RequestID and the code if it lasts; nothing was done for this object."
_KEY = "Check the customer key and the business unit (MID)."
_DEFINITION = "Run this again: every attempt makes its own import definition."

CODES: dict[int, Meaning] = {
    # general
    1: Meaning("the name or key is used already", "Names are unique in an account: use another one."),
    2: Meaning("a general system exception", "Try again later, and ask the system status."),
    3: Meaning("the update options name an action or an object that does not fit", _REPORT),
    4: Meaning(
        "no access to that account",
        "Give the installed package access to the business unit, or correct the MID.",
    ),
    5: Meaning("the operation is not allowed for this type of object", _REPORT),
    6: Meaning("an object of the call was empty", _REPORT),
    8: Meaning("this type of object is not supported by the operation", _REPORT),
    9: Meaning("the account is in maintenance", "Work waits and goes on when the system status is OK."),
    11: Meaning("the user or the account lacks the permission", "Give the installed package the permission."),
    # asynchronous calls
    200: Meaning("the conversation of an asynchronous call is not complete or not known", "Send all its parts anew."),
    201: Meaning("the parts of a conversation do not add up to what was announced", "Send all its parts anew."),
    202: Meaning("a part of a conversation has no sequence number", "Send all its parts anew."),
    # subscribers
    12000: Meaning("the address is not a valid e-mail address", "Correct the address in the CRM."),
    12001: Meaning("there is no such subscriber", "Check the subscriber key and the business unit."),
    12002: Meaning("the subscriber could not be saved", "Read the message; correct the row.", "unconfirmed"),
    12004: Meaning("a value of the subscriber is not accepted", "Correct the row in the CRM."),
    12012: Meaning("there is no such subscriber to unsubscribe", "Check the subscriber key.", "unconfirmed"),
    12014: Meaning("the subscriber is on the list already", "Nothing needs to be done.", "recorded"),
    # lists
    13000: Meaning("the list is not there", "Check its number and the business unit."),
    13010: Meaning("the list's name is too long", "Give it at most 50 characters."),
    13013: Meaning("the list is not valid", "Read the message; correct the request."),
    # import definitions: the vendor's whole table
    43000: Meaning("no customer key of the import definition was given", _REPORT),
    43010: Meaning("the import definition is not there", f"Somebody may have deleted it. {_DEFINITION}"),
    43020: Meaning(
        "this type of object cannot be imported into",
        "Check that the customer key is a data extension's, in this business unit.",
    ),
    43030: Meaning("an import definition with this customer key is there already", _DEFINITION),
    43040: Meaning("the import definition could not be inserted", f"Try again later. {_DEFINITION}"),
    43050: Meaning("the import definition could not be updated", f"Try again later. {_DEFINITION}"),
    43060: Meaning(
        "the import definition did not pass validation",
        "Read the message: destination, file location, mapping, file type and file name are required, and a data "
        "extension without a primary key takes Overwrite alone.",
    ),
    # triggered send definitions and triggered sends
    17000: Meaning("the triggered send definition cannot be activated", "Check its e-mail and its classification."),
    17001: Meaning("the triggered send definition cannot be cancelled", "Look at its status in ExactTarget."),
    17002: Meaning("the triggered send definition cannot be deactivated", "Look at its status in ExactTarget."),
    17003: Meaning("the triggered send definition cannot be updated", "Stop it first, then change it."),
    17004: Meaning("the triggered send definition cannot be deleted", "Stop it first, then delete it."),
    17005: Meaning("the triggered send definition cannot be refreshed", "Look at its status in ExactTarget."),
    17010: Meaning("id and key of the triggered send definition are missing", _KEY),
    17011: Meaning("the triggered send definition's type is wrong or missing", _REPORT),
    17013: Meaning("the key of the triggered send's e-mail is wrong or missing", "Check the e-mail's customer key."),
    17014: Meaning("the send classification is wrong or missing", "Check the send classification's customer key."),
    17015: Meaning("the triggered send definition is not there", _KEY),
    17016: Meaning("the triggered send's e-mail is wrong or missing", "Check that the e-mail exists in this unit."),
    17017: Meaning("the triggered send's list is wrong or missing", "Check that the list exists in this unit."),
    18000: Meaning("the call held no triggered send", _REPORT),
    18001: Meaning("the triggered send definition is incomplete or new", "Complete it and set it to Active."),
    18002: Meaning(
        "key and id of the triggered send definition disagree, or it is neither active nor inactive",
        "Check the key, and the definition's status.",
    ),
    18003: Meaning("a system exception of the triggered send", "Try again later."),
    18004: Meaning("a system exception of the triggered send", "Try again later."),
    # data extensions
    310001: Meaning("neither id, key nor name of the data extension was given", _REPORT),
    310002: Meaning("what was to be deleted is not there", _KEY),
    310003: Meaning("it was to be added only, and is there already", "Update it, or use another key."),
    310004: Meaning("it was to be updated only, and is not there", _KEY),
    310005: Meaning("an object id was given for something new", _REPORT),
    310006: Meaning("a value was refused when it was saved", "The message names the field: correct it in the CRM."),
    310007: Meaning(
        "the data extension's definition, or its data, is not valid",
        "Lengths cannot shrink, types and keys cannot change, and a new required field needs a default: correct "
        "the declaration, or make a new data extension.",
    ),
    # folders
    396002: Meaning("a folder with this customer key is there already", "Use the folder that is there."),
    396009: Meaning("the folder is not there", "Check the folder's key and the business unit."),
    # REST, in whose words a token endpoint or a throttle may answer
    10000: Meaning("a column or a key is wrong", "Compare the declaration with the data extension.", "recorded"),
    10001: Meaning("a parameter is wrong", _REPORT, "recorded"),
    10006: Meaning("rows were not saved", "The additional errors name them.", "recorded"),
    10007: Meaning(
        "the token was asked for at the wrong address",
        "Set ET_AUTH_URL to the tenant's own address, which serves /v2/token.",
        "recorded",
    ),
    50100: Meaning("too many calls", "Make fewer calls; the answer says after how many seconds to go on.", "recorded"),
    50200: Meaning("calls are blocked for having been too many", "Wait, and make fewer calls.", "recorded"),
}
"""ErrorCode of a result, Code of a fault, errorcode of REST: what it means."""

STATUSES: dict[str, Meaning] = {
    "new": Meaning("the import waits for its turn", "Nothing needs to be done."),
    "queued": Meaning("the import waits for its turn", "Nothing needs to be done.", "unconfirmed"),
    "processing": Meaning("the import runs", "Nothing needs to be done."),
    "iowork": Meaning("the import reads or writes files", "Nothing needs to be done."),
    "completed": Meaning(
        "the import ended, which does not mean that every row was taken",
        "The figures, or a read-back, say which rows are in the data extension.",
    ),
    "error": Meaning(
        "the import failed; rows that were loaded before stay",
        "What is there is read back; the rest stays changes. Run this again; if it lasts, look at the import's "
        "notification in ExactTarget, which alone tells the cause.",
    ),
    "unknown": Meaning("ExactTarget itself does not say how the import stands", "It is asked again until it does."),
}
"""ImportStatus, in lower case."""

FAULTS: dict[str, Meaning] = {
    "token expired": Meaning("the access token is over", "A new one is asked for by itself, once.", "recorded"),
    "login failed": Meaning("the service knows neither user nor token", "Check client id, client secret and MID."),
    "soap authorization failed": Meaning("the token could not be read", "Check client id, client secret and MID."),
    "unplanned outage": Meaning("the service has an outage", "Work waits and goes on when the system status is OK."),
    "authorizationfailure": CODES[11],
    "maintenance": CODES[9],
}
"""Fault texts, in lower case: what a faultstring that begins so, or holds it, means."""


def code_in_words(code: int | None) -> str:
    """What a code means and its remedy, as sentences; an unknown code is shown as such. Empty without a code."""
    if code is None:
        return ""
    meaning = CODES.get(code)
    if meaning is None:
        return f"Code {code} is not among the documented ones: what it means is not known here."
    return f"Code {code}: {meaning}"


def status_in_words(status: str | None) -> str:
    """What an ImportStatus says; an unknown word is shown as such."""
    if status is None:
        return "ExactTarget has not told of this import."
    meaning = STATUSES.get(status.casefold())
    if meaning is None:
        return f"ExactTarget's word {status!r} is not among the documented ones; it counts as running until a deadline."
    return str(meaning)


def fault_in_words(code: int | None, text: str) -> str:
    """What a fault means: by its code where that says more than “system exception”, else by its text."""
    if code is not None and code != 2:
        return code_in_words(code)
    folded = text.casefold()
    found = next((meaning for words, meaning in FAULTS.items() if words in folded), None)
    return str(found) if found is not None else code_in_words(code)
