"""Who may call, what is counted, and which route answers (sources/marketo.md §1 and §2)."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from urllib.parse import parse_qs

from sandbox.faults import Fault, Faults
from sandbox.marketo.bulk import PLAIN, Bulk, NotFound
from sandbox.marketo.call import Call, compiled
from sandbox.marketo.envelope import FREE, Answer, Refused, encode, refusal
from sandbox.marketo.faults import FAULTS, MATCHABLE, possible
from sandbox.marketo.files import Files
from sandbox.marketo.identity import Identity
from sandbox.marketo.jobs import Jobs
from sandbox.marketo.limits import Limits
from sandbox.marketo.rest_activities import RestActivities
from sandbox.marketo.rest_assets import RestAssets
from sandbox.marketo.rest_leads import RestLeads
from sandbox.marketo.settings import Settings
from sandbox.marketo.world import World

TOKEN_PATH = "/identity/oauth/token"
_FILE = re.compile(r"/bulk/v1/(?P<kind>.+)/export/(?P<id>[^/]+)/file\.json")
_BULK = re.compile(r"/bulk/v1/(.+)/export(?:/.*)?(?:\.json)?")
_SECRETS = frozenset({"access_token", "client_id", "client_secret"})


class Api:
    """One tenant's API."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world = World(settings)
        self.faults = Faults(FAULTS, MATCHABLE)
        self.limits = Limits(self.world.clock, settings)
        self.identity = Identity(self.world.clock, settings.users)
        self.files = Files(self.world)
        self.jobs = Jobs(self.world, self.limits, self.files)
        self.activities = RestActivities(self.world)
        self.bulk = Bulk(self.world, self.jobs)
        parts = (self.activities, RestLeads(self.world, self.limits), RestAssets(self.world), self.bulk)
        self._routes = compiled([route for part in parts for route in part.routes()])

    def handle(self, method: str, path: str, query: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Answer one request; `self.limits.leave()` is due when the answer has been sent, if it was counted."""
        params: dict[str, list[str]] = parse_qs(query, keep_blank_values=True)
        content_type = headers.get("content-type", "")
        if "form-urlencoded" in content_type:
            for name, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items():
                params[name] = params.get(name, []) + values
        if method == "POST" and params.pop("_method", [""])[-1].upper() == "GET":
            method = "GET"  # a long query in a form (sources/marketo.md §2)
        kind, action = classify(path)
        token = headers.get("authorization", "").removeprefix("Bearer ").strip()
        user = params.get("client_id", [""])[-1] if kind == "identity" else self.identity.user(token)
        request = {"path": path, "kind": kind, "action": action, "user": user, "method": method}
        struck = self.faults.draw(request, possible(kind, action))
        if "slow" in struck:
            time.sleep(struck["slow"].number("seconds", 1))
        noted: dict[str, object] = {"kind": kind, "action": action, "user": user, "method": method}
        noted["params"] = {name: ",".join(values) for name, values in params.items() if name not in _SECRETS}
        call = Call(method, path, params, content_type, body, user, struck, noted)
        if kind == "identity":
            return self._identity(call)
        return self._admitted(call, token)

    def _identity(self, call: Call) -> Answer:
        """Not counted (sources/marketo.md §1)."""
        if call.path != TOKEN_PATH:
            return Answer(b"Not Found", 404, PLAIN, noted=call.noted, struck=call.struck)
        answer = self.identity.grant({name: values[-1] for name, values in call.params.items()}, call.struck)
        answer.noted, answer.struck = call.noted, call.struck
        return answer

    def _admitted(self, call: Call, token: str) -> Answer:
        """Check the token and the limits, then let a route answer."""
        counted = False
        try:
            self.identity.spoil(token, call.struck)
            call.user = self.identity.check(token)
            counted = True
            if refused := self.limits.enter(call.user):
                raise Refused(refused)
            _refuse_by_fault(call.struck)
            answer = self._answer(call)
        except Refused as error:
            if counted and error.code in FREE:
                self.limits.uncount(call.user)
            self.limits.failed(error.code)
            answer = Answer(refusal(error.code, str(error)), code=error.code)
        except NotFound as error:
            answer = Answer(str(error).encode(), 404, PLAIN)
        except BaseException:
            if counted:
                self.limits.leave()  # no answer will
            raise
        answer.struck, answer.noted = call.struck, call.noted | {"counted": counted}
        return answer

    def _answer(self, call: Call) -> Answer:
        if match := _FILE.fullmatch(call.path):
            if call.method != "GET":
                raise Refused("605")
            return self.bulk.file(call, match["kind"], match["id"])
        known = False
        for method, pattern, handle in self._routes:
            if match := pattern.fullmatch(call.path):
                if method == call.method:
                    return Answer(encode(handle(call, **match.groupdict())))
                known = True
        raise Refused("605" if known else "610")


def classify(path: str) -> tuple[str, str]:
    """What faults match and the log shows: identity, rest, asset or a kind of export; and the last word of the path."""
    action = path.rpartition("/")[2].removesuffix(".json")
    if path.startswith("/identity"):
        return "identity", action
    if match := _BULK.fullmatch(path):
        return match[1], "list" if action == "export" else action
    return ("asset" if path.startswith("/rest/asset") else "rest"), action


_CODES = {"denied": "603", "rate_limit": "606", "daily_quota": "607", "concurrency": "615"}


def _refuse_by_fault(struck: Mapping[str, Fault]) -> None:
    if "code" in struck:
        fault = struck["code"]
        message = fault.options.get("message")
        raise Refused(fault.text("code", "611"), None if message is None else str(message))
    for name, code in _CODES.items():
        if name in struck:
            raise Refused(code)
