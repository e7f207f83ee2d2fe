"""What the account tells of itself over SOAP: accounts, business units, roles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from et_platform_tests.simulated import Simulator, running_simulator
from et_platform_tests.simulator.soap import NIL, Reply, Soap, equals, local, simple

EVERYWHERE = "<QueryAllAccounts>true</QueryAllAccounts>"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    children = ("--mid", "1000001", "--business-unit", "2000001:Germany & Co")
    with running_simulator(tmp_path_factory.mktemp("sim") / "data", *children) as running:
        yield running


def rows(reply: Reply) -> list[dict[str, str]]:
    assert reply.text("OverallStatus") == "OK"
    return [{local(one): one.text or "" for one in result} for result in reply.results]


@pytest.mark.parametrize("kind", ["Account", "BusinessUnit"])
def test_each_unit_is_an_account(soap: Soap, kind: str) -> None:
    asked = ["ID", "Name", "AccountType", "ParentID", "IsActive"]
    own, child = rows(soap.retrieve(kind, asked, "", EVERYWHERE))
    assert (own["ID"], own["AccountType"], own["ParentID"]) == ("1000001", "ENTERPRISE_2", "0")
    assert (child["Name"], child["AccountType"], child["ParentID"]) == ("Germany & Co", "BUSINESS_UNIT", "1000001")
    (found,) = rows(soap.retrieve(kind, ["Name"], equals("ID", "2000001"), EVERYWHERE))
    assert found["Name"] == "Germany & Co"
    assert len(rows(soap.retrieve(kind, ["ID"]))) == 1


def test_a_parent_account_is_an_object_of_its_own(soap: Soap) -> None:
    child = soap.retrieve("Account", ["ParentAccount.ID", "ParentAccount.Name"], equals("ID", "2000001"), EVERYWHERE)
    (parent,) = child.results[0].iterfind("{*}ParentAccount")
    assert [local(one) for one in parent] == ["PartnerKey", "ID", "ObjectID", "AccountType", "Name"]


def test_what_is_not_asked_for_reads_as_recorded(soap: Soap) -> None:
    (result,) = soap.retrieve("BusinessUnit", ["MasterUnsubscribeBehavior"]).results
    assert [(local(one), one.get(NIL), one.text) for one in result] == [
        ("PartnerKey", "true", None),
        ("ObjectID", "true", None),
        ("AccountType", None, "None"),
        ("Subscription", "true", None),
        ("MasterUnsubscribeBehavior", None, "ENTIRE_ENTERPRISE"),
    ]


def test_folders_of_units_have_numbers_of_their_own(simulator: Simulator, soap: Soap) -> None:
    numbers = [one["ID"] for one in rows(soap.retrieve("DataFolder", ["ID"], "", EVERYWHERE))]
    assert len(numbers) == len(set(numbers))
    child = Soap(simulator)
    assert child.login(account_id="2000001").status_code == 200
    made = '<Objects xsi:type="DataExtension"><Name>a</Name><Fields><Field><Name>F</Name></Field></Fields></Objects>'
    child.good("Create", made)
    category = child.retrieve("DataExtension", ["CategoryID"]).text("Results/CategoryID")
    own = child.retrieve("DataFolder", ["Client.EnterpriseID", "Client.ID"], equals("ID", category))
    assert own.texts("Results/Client/ID") == ["2000001"]
    assert own.texts("Results/Client/EnterpriseID") == ["1000001"]


def test_roles_that_the_system_defines(soap: Soap) -> None:
    found = rows(soap.retrieve("Role", ["Name", "CustomerKey", "IsSystemDefined"], equals("IsPrivate", "false")))
    assert {"SYS_DEF_ADMIN", "SYS_DEF_DATA"} <= {one["CustomerKey"] for one in found}


def test_a_folder_survives_a_restart(tmp_path: Path) -> None:
    with running_simulator(tmp_path / "data") as simulator:
        made = (
            '<Objects xsi:type="DataFolder"><ParentFolder><ID>2</ID></ParentFolder><Name>kept</Name>'
            "<Description/><ContentType>dataextension</ContentType></Objects>"
        )
        number = Soap(simulator).good("Create", made).text("Results/NewID")
        before = len(Soap(simulator).retrieve("DataFolder", ["ID"]).results)
        simulator.restart()
        soap = Soap(simulator)
        assert soap.retrieve("DataFolder", ["Name"], equals("ID", number)).texts("Results/Name") == ["kept"]
        assert len(soap.retrieve("DataFolder", ["ID"]).results) == before


def test_users_and_where_they_may_work(simulator: Simulator) -> None:
    """As a public developer tool asks, in pages over all units: people first, then the users of packages."""
    soap = Soap(simulator)
    everywhere = "<QueryAllAccounts>true</QueryAllAccounts>"
    reply = soap.retrieve("AccountUser", ["Name", "Email", "AccountUserID", "ActiveFlag"], "", everywhere)
    names = reply.texts("Results/Name")
    assert names[0] == "Administrator"
    assert names[-1].endswith(" app user")
    assert ["@" in one for one in reply.texts("Results/Email")] == [not one.endswith(" app user") for one in names]
    package = simple("Name", "like", " app user")
    (found,) = soap.retrieve("AccountUser", ["AccountUserID"], package).results
    number = found.findtext("{*}AccountUserID") or ""
    pairs = soap.retrieve(
        "AccountUserAccount", ["AccountUser.AccountUserID", "Account.ID"], equals("AccountUser.AccountUserID", number)
    )
    units = soap.retrieve("BusinessUnit", ["ID"], "", everywhere).texts("Results/ID")
    assert sorted(pairs.texts("Results/Account/ID")) == sorted(units)
    assert set(pairs.texts("Results/AccountUser/AccountUserID")) == {number}
