"""Every number and word of the facts that the client can meet is explained, and an unknown one is shown as such."""

import re

from et_platform.exacttarget import explained, faults
from et_platform.exacttarget.errors import InvalidDefinition
from et_platform_tests import beside

IMPORT_DEFINITION = {43000, 43010, 43020, 43030, 43040, 43050, 43060}
GENERAL = {1, 2, 3, 4, 5, 6, 8, 9, 11}
DATA_EXTENSION = set(range(310001, 310008))
STATUSES = {"new", "processing", "iowork", "completed", "error", "unknown", "queued"}


def test_whole_families_are_explained():
    assert set(explained.CODES) >= IMPORT_DEFINITION | GENERAL | DATA_EXTENSION | {200, 201, 202, 12002, 12014}
    assert set(explained.STATUSES) == STATUSES
    assert set(faults._CODES) <= set(explained.CODES)


def test_every_code_that_the_facts_name_is_explained():
    facts = beside.needed(beside.FACTS, "the facts of ExactTarget").read_text("utf-8")
    section = re.search(r"^## e\. Error codes\n(.*?)^## f\.", facts, re.DOTALL | re.MULTILINE)
    assert section is not None
    text = re.sub(r"\*\*.*?\*\*", "", section[1])  # the headings name ranges, not codes
    named = {int(code) for code in re.findall(r"\b(?:1\d{4}|43\d{3}|310\d{3})\b", text)}
    assert len(named) > 25
    assert named <= set(explained.CODES), named - set(explained.CODES)


def test_every_meaning_is_a_clause_with_a_remedy():
    for where, meaning in [*explained.CODES.items(), *explained.STATUSES.items(), *explained.FAULTS.items()]:
        assert meaning.words, where
        assert not meaning.words.endswith("."), where
        assert meaning.remedy.endswith("."), where


def test_an_error_says_what_its_code_means_and_what_to_do():
    error = faults.result_error("Defining import i1", message="Invalid FileSpec.", code=43060, request_id="r9")
    assert isinstance(error, InvalidDefinition)
    assert "code 43060): Invalid FileSpec. Code 43060: The import definition did not pass validation." in str(error)
    assert "file name are required" in str(error)


def test_a_fault_is_explained_by_its_code_or_by_its_text():
    maintenance = faults.fault_error(faults.Fault("Server", "Account in maintenance", 9), "Starting import i1")
    assert "Code 9: The account is in maintenance. Work waits" in str(maintenance)
    outage = faults.fault_error(faults.Fault("Server", "Unplanned Outage", 2), "Starting import i1")
    assert "The service has an outage." in str(outage)


def test_promise_15_an_unknown_code_or_word_is_shown_as_such_and_the_usual_advice_stays():
    error = faults.result_error("Defining import i1", message="Odd", code=43999, request_id="r9")
    assert "Code 43999 is not among the documented ones: what it means is not known here. Correct the" in str(error)
    assert "'Halted' is not among the documented ones" in explained.status_in_words("Halted")
    assert "not confirmed by the vendor" in explained.status_in_words("Queued")
    assert explained.status_in_words(None) == "ExactTarget has not told of this import."
