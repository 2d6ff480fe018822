"""Who may see a preview: who has the token, where one is needed; and no other site's scripts."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response

from runner.web.preview.address import Names, Preview
from runner.web.preview.pages import page

#: What a request may show instead of the cookie.
HEADER = "x-runner-preview-token"
COOKIE = "runner_preview"
_QUERY = "token"


class Gate:
    """Lets a request in, or answers it. Nothing of the token reaches a box, a log or a page."""

    def __init__(self, token: str, names: Names) -> None:
        self._token = token.encode()
        # Whoever reads a browser's cookies has this preview, but not the token.
        self._cookie = hmac.new(self._token, b"runner preview cookie", hashlib.sha256).hexdigest()
        self._names = names

    def answer(self, request: HTTPConnection, preview: Preview | None) -> Response | None:
        """The answer to a request that may not pass; None for one that may."""
        if self._token and (refused := self._unknown(request)) is not None:
            return refused
        if preview is not None and self._foreign(request, preview):
            text = "Only pages of this run's own previews may do that; open the address itself."
            return page(request, 403, "Another site asked for this preview", text)
        return None

    def _unknown(self, request: HTTPConnection) -> Response | None:
        query = request.scope.get("query_string", b"").decode("latin-1")
        pairs = parse_qsl(query, keep_blank_values=True)
        given = [value for name, value in pairs if name == _QUERY]
        if any(self._is_token(value) for value in given):
            rest = urlencode([pair for pair in pairs if pair[0] != _QUERY])
            path = "/" + request.scope["raw_path"].decode("latin-1").lstrip("/")
            moved = RedirectResponse(path + (f"?{rest}" if rest else ""), 303, {"referrer-policy": "no-referrer"})
            moved.headers["cache-control"] = "no-store"
            moved.set_cookie(COOKIE, self._cookie, httponly=True, samesite="lax")
            return moved
        shown = request.headers.get(HEADER, "")
        if self._is_token(shown) or _same(_cookies(request.headers).get(COOKIE, ""), self._cookie.encode()):
            return None
        text = f"Open it once with ?{_QUERY}=… after its address, or send the header {HEADER}."
        return page(request, 401, "This preview needs its token", text)

    def _is_token(self, given: str) -> bool:
        return _same(given, self._token)

    def _foreign(self, request: HTTPConnection, preview: Preview) -> bool:
        """Whether another site's page asks, other than by leading its reader here."""
        origin = request.headers.get("origin", "")
        site = request.headers.get("sec-fetch-site", "")
        if site in ("same-origin", "none") or (not site and not origin):
            return False
        source = urlsplit(origin if origin not in ("", "null") else request.headers.get("referer", "")).netloc
        known = self._names.read(source)
        if known is not None and known.run == preview.run:
            return False
        leads = request.headers.get("sec-fetch-mode") == "navigate" and request.scope.get("method") in ("GET", "HEAD")
        return (site == "cross-site" or bool(origin)) and not leads


def without_secrets(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """A request's headers without what only the gate may see."""
    kept = []
    for name, value in headers:
        if name == HEADER.encode():
            continue
        if name == b"cookie":
            parts = [part.strip() for part in value.split(b";")]
            value = b"; ".join(part for part in parts if part.partition(b"=")[0].strip() != COOKIE.encode())
            if not value:
                continue
        kept.append((name, value))
    return kept


def _cookies(headers: Headers) -> dict[str, str]:
    pairs = (part.partition("=") for part in headers.get("cookie", "").split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _same(given: str, wanted: bytes) -> bool:
    return bool(wanted) and hmac.compare_digest(given.encode("utf-8", "replace"), wanted)
