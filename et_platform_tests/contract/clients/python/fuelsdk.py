"""Drives the public `Salesforce-FuelSDK-Sans`, as it is, by orders on standard input (`driven.py` tells their form).

What the SDK has no method for (upsert, Perform) goes through its own suds client, as its users do it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from FuelSDK import ET_Client, ET_DataExtension, ET_DataExtension_Row
from FuelSDK.rest import ET_Constructor, ET_Continue, ET_Delete, ET_Describe, ET_Get, ET_Patch, ET_Post


class Driver:
    client: ET_Client

    def connect(
        self, *, auth_url: str, wsdl_url: str, client_id: str, client_secret: str, mid: str, folder: str
    ) -> Any:
        self.client = ET_Client(
            get_server_wsdl=True,
            params={
                "clientid": client_id,
                "clientsecret": client_secret,
                "authenticationurl": auth_url.rstrip("/"),
                "useOAuth2Authentication": "True",
                "accountId": mid,
                "defaultwsdl": wsdl_url,
                "wsdl_file_local_loc": f"{folder}/fuelsdk.wsdl",
            },
        )
        return {"ok": True}

    def legacy(self, *, auth_url: str, wsdl_url: str, client_id: str, client_secret: str, folder: str) -> Any:
        """Retrieve with an integration of the old kind: its own login, and where SOAP is asked of REST."""
        client = ET_Client(
            params={
                "clientid": client_id,
                "clientsecret": client_secret,
                "authenticationurl": auth_url + "v1/requestToken",
                "baseapiurl": auth_url.rstrip("/"),
                "defaultwsdl": wsdl_url,
                "wsdl_file_local_loc": f"{folder}/fuelsdk.wsdl",
            },
        )
        answer = ET_Get(client, "DataExtension", ["CustomerKey"])
        return outcome(answer) | {"objects": [plain(one) for one in answer.results]}

    def renew(self) -> Any:
        self.client.refresh_token(force_refresh=True)
        return {"ok": True}

    def describe(self, *, object_type: str) -> Any:
        answer = ET_Describe(self.client, object_type)
        found = [one.Name for told in answer.results for one in getattr(told, "Properties", [])]
        return outcome(answer) | {"properties": found}

    def create_data_extension(self, *, key: str, fields: list[dict[str, Any]]) -> Any:
        extension = ET_DataExtension()
        extension.auth_stub = self.client
        extension.props = {"CustomerKey": key, "Name": key}
        extension.columns = fields
        return outcome(extension.post())

    def delete_data_extension(self, *, key: str) -> Any:
        extension = ET_DataExtension()
        extension.auth_stub = self.client
        extension.props = {"CustomerKey": key}
        return outcome(extension.delete())

    def add(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        return outcome(self._rows(key, rows).post())

    def update(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        return outcome(self._rows(key, rows).patch())

    def remove(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        return outcome(self._rows(key, rows).delete())

    def upsert(self, *, key: str, rows: list[dict[str, str]]) -> Any:
        factory = self.client.soap_client.factory
        options = factory.create("UpdateOptions")
        options.SaveOptions = {"SaveOption": [{"PropertyName": "*", "SaveAction": "UpdateAdd"}]}
        objects = []
        for row in rows:
            one = factory.create("DataExtensionObject")
            one.CustomerKey = key
            one.Properties = {"Property": [{"Name": name, "Value": value} for name, value in row.items()]}
            objects.append(one)
        self.client.refresh_token()
        return outcome(ET_Constructor(self.client.soap_client.service.Update(options, objects)))

    def _rows(self, key: str, rows: list[dict[str, str]]) -> ET_DataExtension_Row:
        found = ET_DataExtension_Row()
        found.auth_stub, found.CustomerKey, found.props = self.client, key, rows
        return found

    def read(self, *, key: str, fields: list[str], where: dict[str, Any] | None = None) -> Any:
        asked = ET_DataExtension_Row()
        asked.auth_stub, asked.CustomerKey, asked.props, asked.search_filter = self.client, key, fields, where
        answer, pages, rows = asked.get(), [], []
        while True:
            page = [{one.Name: one.Value for one in row.Properties.Property} for row in answer.results]
            pages.append(len(page))
            rows += page
            if not answer.more_results:
                return {"ok": answer.status, "status": answer.message, "pages": pages, "rows": rows}
            answer = asked.getMoreResults()

    def retrieve(
        self, *, object_type: str, properties: list[str] | None = None, where: dict[str, Any] | None = None
    ) -> Any:
        """No properties: the SDK describes the type and asks for all that can be retrieved."""
        answer = ET_Get(self.client, object_type, properties, where)
        found = outcome(answer) | {"objects": [plain(one) for one in answer.results]}
        while answer.more_results:
            answer = ET_Continue(self.client, answer.request_id)
            found["objects"] += [plain(one) for one in answer.results]
        return found

    def create_import(self, *, key: str, data_extension: str, file: str, **properties: str) -> Any:
        factory = self.client.soap_client.factory
        destination, location = factory.create("DataExtension"), factory.create("FileTransferLocation")
        destination.CustomerKey, location.CustomerKey = data_extension, "ExactTarget Enhanced FTP"
        nested = {"DestinationObject": destination, "RetrieveFileTransferLocation": location}
        simple = {"CustomerKey": key, "Name": key, "FileSpec": file, **properties}
        return outcome(ET_Post(self.client, "ImportDefinition", simple | nested))

    def rename_import(self, *, key: str, name: str) -> Any:
        return outcome(ET_Patch(self.client, "ImportDefinition", {"CustomerKey": key, "Name": name}))

    def delete_import(self, *, key: str) -> Any:
        return outcome(ET_Delete(self.client, "ImportDefinition", {"CustomerKey": key}))

    def perform(self, *, key: str) -> Any:
        definition = self.client.soap_client.factory.create("ImportDefinition")
        definition.CustomerKey = key
        self.client.refresh_token()
        code, body = self.client.soap_client.service.Perform(None, "start", {"Definition": [definition]})
        results = body.Results.Result
        return {
            "ok": code == 200 and body.OverallStatus == "OK",
            "status": body.OverallStatus,
            "results": [line(one) for one in results],
            "task": plain(results[0]).get("Task", {}).get("ID", ""),
        }


def outcome(answer: ET_Constructor) -> dict[str, Any]:
    """What a call of the SDK gave, as values."""
    return {
        "ok": answer.status,
        "http": answer.code,
        "status": answer.message,
        "results": [line(one) for one in answer.results if "StatusCode" in one],
    }


def line(result: Any) -> dict[str, Any]:
    return {"status": result.StatusCode, "message": result.StatusMessage, "code": plain(result).get("ErrorCode")}


def plain(value: Any) -> Any:
    """A suds object as a dictionary of texts; what is absent or nil is left out."""
    if hasattr(value, "__keylist__"):
        return {name: plain(value[name]) for name in value.__keylist__ if value[name] is not None}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return str(value)


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
