"""Drives zeep with nothing but the WSDL that the service serves, by orders on standard input (`driven.py`).

zeep is strict: an answer that the WSDL does not allow raises.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import requests
import zeep
import zeep.helpers
from lxml import etree


class Driver:
    client: zeep.Client
    login: dict[str, str]

    def connect(
        self, *, auth_url: str, wsdl_url: str, client_id: str, client_secret: str, mid: str, folder: str
    ) -> Any:
        login = {
            "url": auth_url + "v2/token",
            "client_id": client_id,
            "client_secret": client_secret,
            "account_id": mid,
        }
        self._take_token(login)
        self.login = login
        self.client = zeep.Client(wsdl_url)
        return {"ok": True}

    def _take_token(self, login: dict[str, str]) -> None:
        form = {"grant_type": "client_credentials"} | {name: login[name] for name in login if name != "url"}
        reply = requests.post(login["url"], data=form, timeout=30)
        if not reply.ok:
            raise PermissionError(reply.json()["error_description"])
        self.header = etree.Element("{http://exacttarget.com}fueloauth")
        self.header.text = reply.json()["access_token"]

    def renew(self) -> Any:
        self._take_token(self.login)
        return {"ok": True}

    def _make(self, name: str, **values: Any) -> Any:
        return self.client.get_type(f"{{http://exacttarget.com/wsdl/partnerAPI}}{name}")(**values)

    def _call(self, operation: str, *args: Any, **values: Any) -> Any:
        return self.client.service[operation](*args, _soapheaders=[self.header], **values)

    def describe(self, *, object_type: str) -> Any:
        wanted = self._make("ArrayOfObjectDefinitionRequest", ObjectDefinitionRequest=[{"ObjectType": object_type}])
        answer = self._call("Describe", wanted)
        found = list_of(answer, "ObjectDefinition")
        return {"ok": True, "properties": [one.Name for one in found[0].Properties] if found else []}

    def create_data_extension(self, *, key: str, fields: list[dict[str, Any]]) -> Any:
        made = [self._make("DataExtensionField", **one) for one in fields]
        return self._write("Create", [self._make("DataExtension", CustomerKey=key, Name=key, Fields={"Field": made})])

    def delete_data_extension(self, *, key: str) -> Any:
        return self._write("Delete", [self._make("DataExtension", CustomerKey=key)])

    def add(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        return self._write("Create", [self._row(key, one) for one in rows])

    def update(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        return self._write("Update", [self._row(key, one) for one in rows])

    def upsert(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        save = {"SaveOptions": {"SaveOption": [{"PropertyName": "*", "SaveAction": "UpdateAdd"}]}}
        return self._write("Update", [self._row(key, one) for one in rows], save)

    def remove(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        keys = [{"Key": [{"Name": name, "Value": value} for name, value in one.items()]} for one in rows]
        return self._write("Delete", [self._make("DataExtensionObject", CustomerKey=key, Keys=one) for one in keys])

    def _row(self, key: str, row: dict[str, str]) -> Any:
        pairs = [{"Name": name, "Value": value} for name, value in row.items()]
        return self._make("DataExtensionObject", CustomerKey=key, Properties={"Property": pairs})

    def _write(self, operation: str, objects: list[Any], options: Any = None) -> Any:
        answer = self._call(operation, Options=options or {}, Objects=objects)
        return {
            "ok": answer.OverallStatus == "OK",
            "status": answer.OverallStatus,
            "results": [line(one) for one in answer.Results],
        }

    def read(self, *, key: str, fields: list[str], where: dict[str, Any] | None = None) -> Any:
        found, pages, status = self._pages(f"DataExtensionObject[{key}]", fields, where)
        rows = [{one.Name: one.Value for one in row.Properties.Property} for row in found]
        return {"ok": status == "OK", "status": status, "pages": pages, "rows": rows}

    def retrieve(self, *, object_type: str, properties: list[str], where: dict[str, Any] | None = None) -> Any:
        found, _, status = self._pages(object_type, properties, where)
        return {"ok": status == "OK", "status": status, "objects": [plain(one) for one in found]}

    def _pages(self, object_type: str, properties: list[str], where: dict[str, Any] | None) -> Any:
        found, pages, more = [], [], {}
        while True:
            filled = {"ObjectType": object_type, "Properties": properties, "Filter": self._filter(where)} | more
            answer = self._call("Retrieve", {name: value for name, value in filled.items() if value})
            pages.append(len(answer.Results))
            found += answer.Results
            if answer.OverallStatus != "MoreDataAvailable":
                return found, pages, answer.OverallStatus
            more = {"ContinueRequest": answer.RequestID}

    def _filter(self, where: dict[str, Any] | None) -> Any:
        if not where:
            return None
        if "LogicalOperator" not in where:
            return self._make("SimpleFilterPart", **where)
        operands = {name: self._filter(where[name]) for name in ("LeftOperand", "RightOperand")}
        return self._make("ComplexFilterPart", LogicalOperator=where["LogicalOperator"], **operands)

    def create_import(self, *, key: str, data_extension: str, file: str, **properties: str) -> Any:
        made = self._make(
            "ImportDefinition",
            CustomerKey=key,
            Name=key,
            FileSpec=file,
            DestinationObject=self._make("DataExtension", CustomerKey=data_extension),
            RetrieveFileTransferLocation={"CustomerKey": "ExactTarget Enhanced FTP"},
            **properties,
        )
        return self._write("Create", [made])

    def rename_import(self, *, key: str, name: str) -> Any:
        return self._write("Update", [self._make("ImportDefinition", CustomerKey=key, Name=name)])

    def delete_import(self, *, key: str) -> Any:
        return self._write("Delete", [self._make("ImportDefinition", CustomerKey=key)])

    def perform(self, *, key: str) -> Any:
        definition = self._make("ImportDefinition", CustomerKey=key)
        answer = self._call("Perform", Action="start", Definitions={"Definition": [definition]})
        results = answer.Results.Result
        return {
            "ok": answer.OverallStatus == "OK",
            "status": answer.OverallStatus,
            "results": [line(one) for one in results],
            "task": results[0].Task.ID if results[0].Task else "",
        }


def list_of(answer: Any, name: str) -> list[Any]:
    """zeep gives a message of one element as that element's content."""
    return answer if isinstance(answer, list) else list(getattr(answer, name, None) or [])


def line(result: Any) -> dict[str, Any]:
    code = result.ErrorCode
    return {"status": result.StatusCode, "message": result.StatusMessage, "code": None if code is None else str(code)}


def plain(value: Any) -> Any:
    """A zeep object as a dictionary of texts; what is absent or nil is left out."""
    return texts(zeep.helpers.serialize_object(value, dict))


def texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: texts(one) for name, one in value.items() if one not in (None, [])}
    return [texts(one) for one in value] if isinstance(value, list) else str(value)


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    driver = Driver()
    for order in sys.stdin:
        wanted = json.loads(order)
        try:
            answer = getattr(driver, wanted.pop("do"))(**wanted)
        except Exception as error:  # noqa: BLE001 - what it raises is what the test asks about
            answer = {"ok": False, "raised": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
