"""The few routes of a Prefect server that deploying needs, over plain HTTP: half a second where Prefect takes three.

Facts from Prefect 3.8's `prefect.server.api` (deployments, flows, work_pools, csrf_token): a POST of a deployment is
an upsert by flow and name, in one transaction with its schedules, and changes only the fields that it names.
"""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from runner.errors import DeployRefused, EngineUnavailable

_TIMEOUT = 30.0
#: Seconds before each repetition of a request that the server was too busy for: SQLite answers 503 under load.
_PAUSES = (0.5, 1.0, 2.0, 4.0)
_BUSY = {429, 502, 503, 504}
_PAGE = 200


def credentials(environ: Mapping[str, str]) -> str:
    """The value of the header `Authorization` by Prefect's own variables, "" for none."""
    if key := environ.get("PREFECT_API_KEY"):
        return f"Bearer {key}"
    if text := environ.get("PREFECT_API_AUTH_STRING"):
        return "Basic " + base64.b64encode(text.encode()).decode("ascii")
    return ""


class Api:
    """A Prefect API at `url` (it ends in `/api`). Every method raises EngineUnavailable when it cannot be reached or
    asks for other credentials, DeployRefused when it refuses what it is asked.
    """

    def __init__(self, url: str, authorization: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        self.url = url.rstrip("/")
        self._sleep = sleep
        self._csrf: dict[str, str] = {}
        self._reached = False
        headers = {"Authorization": authorization} if authorization else {}
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT, follow_redirects=True)

    def __enter__(self) -> Api:
        return self

    def __exit__(self, *_about: object) -> None:
        self._http.close()

    # ------------------------------------------------------------ deployments

    def deployments(self) -> list[dict[str, Any]]:
        """All deployments of the server, with their schedules."""
        return list(self._pages("/deployments/filter", {"sort": "NAME_ASC"}))

    def put_deployment(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Make a deployment, or change the one of that flow and name; returns it as the server has it."""
        return dict(self._json("POST", "/deployments/", document))

    def limit_schedule(self, deployment: str, schedule: str, most: int) -> None:
        """How often a schedule may fire in all."""
        self._send("PATCH", f"/deployments/{deployment}/schedules/{schedule}", {"max_scheduled_runs": most})

    def delete_deployment(self, id_: str) -> None:
        """Remove a deployment; one that is gone already is fine."""
        self._send("DELETE", f"/deployments/{id_}", missing_is_fine=True)

    def waiting_runs(self, deployment: str) -> list[dict[str, Any]]:
        """Flow runs of a deployment that are to start by themselves later and that no schedule made."""
        wanted = {
            "flow_runs": {
                "operator": "and_",
                "deployment_id": {"any_": [deployment]},
                "state": {"operator": "and_", "type": {"any_": ["SCHEDULED"]}},
            }
        }
        return [run for run in self._pages("/flow_runs/filter", wanted) if not run.get("auto_scheduled")]

    # ------------------------------------------------------------ flows

    def flows(self) -> dict[str, str]:
        """The ids of all flows by name."""
        return {str(flow["name"]): str(flow["id"]) for flow in self._pages("/flows/filter", {})}

    def put_flow(self, name: str, tags: list[str]) -> str:
        """The id of the flow of that name, which is made where there is none."""
        return str(self._json("POST", "/flows/", {"name": name, "tags": tags})["id"])

    def delete_flow(self, id_: str) -> None:
        """Remove a flow; one that is gone already is fine."""
        self._send("DELETE", f"/flows/{id_}", missing_is_fine=True)

    # ------------------------------------------------------------ work pools

    def work_pool(self, name: str) -> dict[str, Any] | None:
        """The work pool of that name, None without one."""
        answer = self._send("GET", f"/work_pools/{quote(name, safe='')}", missing_is_fine=True)
        return None if answer is None else dict(answer.json())

    def make_work_pool(self, name: str, kind: str, description: str) -> None:
        """Make a work pool; the worker brings the template of its jobs along."""
        self._json("POST", "/work_pools/", {"name": name, "type": kind, "description": description})

    def delete_work_pool(self, name: str) -> None:
        """Remove a work pool; one that is gone already is fine."""
        self._send("DELETE", f"/work_pools/{quote(name, safe='')}", missing_is_fine=True)

    # ------------------------------------------------------------ inside

    def _pages(self, path: str, wanted: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            rows = self._json("POST", path, {**wanted, "limit": _PAGE, "offset": offset})
            yield from rows
            if len(rows) < _PAGE:
                return
            offset += _PAGE

    def _json(self, method: str, path: str, body: object = None) -> Any:
        answer = self._send(method, path, body)
        return None if answer is None else answer.json()

    def _send(
        self, method: str, path: str, body: object = None, *, missing_is_fine: bool = False
    ) -> httpx.Response | None:
        """One request, repeated while the server is too busy: all that are sent here may be repeated."""
        answer = self._tried(method, path, body)
        if answer.status_code == 403 and not self._csrf and "csrf" in answer.text.lower():
            self._fetch_token()
            answer = self._tried(method, path, body)
        if missing_is_fine and answer.status_code == 404:
            return None
        if answer.status_code in (401, 403):
            raise EngineUnavailable(
                f"the Prefect API asks for other credentials ({answer.status_code})",
                "set PREFECT_API_KEY or PREFECT_API_AUTH_STRING",
            )
        if answer.is_client_error:
            raise DeployRefused(f"the Prefect server refuses {method} {path}: {_detail(answer)}")
        if not answer.is_success:
            raise EngineUnavailable(
                f"the Prefect server answers {answer.status_code} to {method} {path}", "look at its log, and try again"
            )
        return answer

    def _tried(self, method: str, path: str, body: object) -> httpx.Response:
        for pause in (*_PAUSES, None):
            try:
                answer = self._http.request(method, path, json=body, headers=self._csrf)
            except httpx.TransportError as error:
                # A server that was there a moment ago is worth waiting for, and so is one that took the request.
                taken = self._reached or not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if pause is None or not taken:
                    raise EngineUnavailable(
                        f"no Prefect API answers on {_shown(self.url)}: {type(error).__name__}", "runner up"
                    ) from error
            else:
                self._reached = True
                if pause is None or answer.status_code not in _BUSY:
                    return answer
            self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _fetch_token(self) -> None:
        client = str(uuid.uuid4())
        answer = self._tried("GET", f"/csrf-token?client={client}", None)
        if answer.is_success:
            self._csrf = {"Prefect-Csrf-Token": str(answer.json()["token"]), "Prefect-Csrf-Client": client}


def _shown(url: str) -> str:
    """The address without what may be a password in it."""
    found = httpx.URL(url)
    return str(found.copy_with(username=None, password=None)) if found.userinfo else url


def _detail(answer: httpx.Response) -> str:
    """What the server says, on one line; values that were sent may be in it, and inputs are no secrets."""
    try:
        said = answer.json()
    except ValueError:
        return str(answer.status_code)
    found = said.get("detail", said) if isinstance(said, dict) else said
    return f"{' '.join(str(found).split())[:500]} ({answer.status_code})"
