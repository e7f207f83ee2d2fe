"""The HTTP side: which path answers what.

What belongs here: routes, paths in any case, bodies and headers.
What does not: SOAP (`dispatch.py`), REST (`rest/`), tokens (`oauth.py`), what can be made to happen (`control.py`).
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp

from et_platform.simulator import control, dispatch, login_page, oauth, wsdl
from et_platform.simulator.rest import router
from et_platform.simulator.service import Units

_MOST_BYTES = 64 * 1024 * 1024
_XML = "text/xml; charset=utf-8"


def application(units: Units, base_url: str, ftp_url: str) -> ASGIApp:
    """The web application of one account; `base_url` ends in '/', `ftp_url` is what REST tells of the FTP site."""
    app = Starlette()
    addresses = {"ftp": ftp_url, "rest": base_url, "soap": f"{base_url}Service.asmx"}

    async def any_path(request: Request) -> Response:
        path = request.url.path.strip("/").lower()
        if path in control.VERBS:
            return await _control(units, path, request)
        if router.is_rest(path):
            return await _rest(units, addresses, request)
        match path:
            case "service.asmx":
                return await _soap(units, base_url, request)
            case "v2/token":
                return await _token(units, base_url, request)
            case "v1/requesttoken":
                return await _legacy_token(units, request)
            case login_page.PATH:
                return await _login_page(units, request)
            case "etframework.wsdl":
                return await _document(wsdl.WSDL, base_url, request)
            case "etframeworkfault.xsd":
                return await _document(wsdl.FAULTS, base_url, request)
        return JSONResponse({"documentation": "", "errorcode": 404, "message": "Not Found"}, 404)

    app.add_route("/{path:path}", any_path, methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    return app


async def _soap(units: Units, base_url: str, request: Request) -> Response:
    if request.method != "POST":
        # Browsers and tools ask the service for `?wsdl`.
        if "wsdl" in request.url.query.lower():
            return await _document(wsdl.WSDL, base_url, request)
        return Response(status_code=405, headers={"Allow": "POST"})
    content = await _body(request)
    if content is None:
        return Response("The request is too large", 413)
    action = soap_action(request.headers)
    status, reply = await run_in_threadpool(dispatch.answer, units, content, action, f"{base_url}Service.asmx")
    return Response(reply, status, media_type=_XML)


async def _rest(units: Units, addresses: dict[str, str], request: Request) -> Response:
    content = await _body(request)
    if content is None:
        return Response("The request is too large", 413)
    call = router.Call(
        method="GET" if request.method == "HEAD" else request.method,
        # As it came: a key may hold a slash, which is encoded.
        path=request.scope["raw_path"].partition(b"?")[0].decode("latin-1"),
        query={name.lower(): value for name, value in request.query_params.items()},
        headers={name.lower(): value for name, value in request.headers.items()},
        body=content,
        addresses=addresses,
    )
    answer = await run_in_threadpool(router.answer, units, call)
    return JSONResponse(answer.content, answer.status, headers=dict(answer.headers))


async def _body(request: Request) -> bytes | None:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > _MOST_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def soap_action(headers: Mapping[str, str]) -> str | None:
    """The action that a request's headers (by lower-case name) tell; SOAP 1.2 carries it in the Content-Type."""
    if headers.get("soapaction"):
        return headers["soapaction"]
    for part in headers.get("content-type", "").split(";")[1:]:
        name, _, text = part.strip().partition("=")
        if name.lower() == "action":
            return text
    return None


async def _token(units: Units, base_url: str, request: Request) -> Response:
    if request.method != "POST":
        return Response(status_code=405, headers={"Allow": "POST"})
    status, reply = oauth.token_reply(
        units.account,
        base_url,
        units.behaviour,
        request.headers.get("content-type", ""),
        await _body(request) or b"",
        units.token_rate,
    )
    return JSONResponse(reply, status, headers={"Cache-Control": "no-store"})


async def _legacy_token(units: Units, request: Request) -> Response:
    if request.method != "POST":
        return Response(status_code=405, headers={"Allow": "POST"})
    legacy = request.query_params.get("legacy", "") in ("1", "true")
    content_type, content = request.headers.get("content-type", ""), await _body(request) or b""
    status, reply = oauth.legacy_reply(units.account, units.behaviour, legacy, content_type, content, units.token_rate)
    return JSONResponse(reply, status, headers={"Cache-Control": "no-store"})


async def _login_page(units: Units, request: Request) -> Response:
    if request.method != "POST":
        return Response(status_code=405, headers={"Allow": "POST"})
    content = await _body(request)
    if content is None:
        return Response("The request is too large", 413)
    status, page = login_page.answer(units.account, dict(request.query_params), content)
    return HTMLResponse(page, status, headers={"Cache-Control": "no-store"})


async def _control(units: Units, path: str, request: Request) -> Response:
    if request.method != "POST":
        return Response(status_code=405, headers={"Allow": "POST"})
    content = await _body(request)
    if content is None:
        return Response("The request is too large", 413)
    authorization = request.headers.get("authorization", "")
    status, reply = await run_in_threadpool(control.answer, units, path, authorization, content)
    return JSONResponse(reply, status, headers={"Cache-Control": "no-store"})


async def _document(name: str, base_url: str, request: Request) -> Response:
    try:
        found = await run_in_threadpool(wsdl.document, name, base_url)
    except FileNotFoundError:
        return Response(f"{name} is not part of this installation", 404)
    headers = {"Last-Modified": found.last_modified}
    return Response(found.content, media_type=_XML, headers=headers)
