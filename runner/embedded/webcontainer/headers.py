"""Headers that isolate pages from one another and hold a container to its network policy.

Sources: the HTML Standard (COOP, COEP, Origin-Agent-Cluster), Fetch (CORP), CSP Level 3.
"""

from __future__ import annotations

from runner.embedded.webcontainer.settings import Network, Policy, Settings

Headers = dict[str, str]

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
#: Where the vendor's client finds its engine, and where that engine's own frames are.
_VENDOR = "https://stackblitz.com https://*.stackblitz.com https://*.webcontainer.io https://*.webcontainer-api.io"


def host_page(settings: Settings, policy: Policy, engine: str) -> Headers:
    """Of the host page and its script. `engine` is the origin of our own engine, the only one it may embed."""
    frames = f"{_VENDOR} {engine}" if policy.vendor else engine
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        # The page asks the engine's origin whether it answers.
        f"connect-src 'self' {frames}",
        f"frame-src {frames}",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    out = {**_ALWAYS, "Content-Security-Policy": "; ".join(rules), "Cross-Origin-Resource-Policy": "same-origin"}
    if settings.isolated and policy.coep != "none":
        out |= {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": policy.coep}
    return out


def engine(settings: Settings, policy: Policy, host: str, own: str) -> Headers:
    """Of the engine's document and scripts. `host` is the origin of our host pages, `own` the engine's.

    A worker is held by the headers of its own script, so each answer carries them all.
    """
    embedders = "'none'" if settings.fault == "blocked" else " ".join((host, *settings.embedders))
    rules = (
        "default-src 'none'",
        # Programs of a container are compiled from its own files: the container's origin is what holds them.
        "script-src 'self' 'unsafe-eval' 'wasm-unsafe-eval' blob:",
        "worker-src 'self' blob:",
        f"connect-src 'self' ws{own.removeprefix('http')}{_reach(policy.network)}",
        # Ports of the container, for their service workers: other names at this port are nobody's, or unguessable.
        f"frame-src http://*.{own.partition('.')[2]}",
        f"frame-ancestors {embedders}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    out = {
        **_ALWAYS,
        "Content-Security-Policy": "; ".join(rules),
        # A process of its own: a busy engine must not hold up the host page.
        "Origin-Agent-Cluster": "?1",
        "Service-Worker-Allowed": "/",
    }
    if settings.isolated and policy.coep != "none" and settings.fault != "uncorp":
        out |= {"Cross-Origin-Embedder-Policy": policy.coep, "Cross-Origin-Resource-Policy": "cross-origin"}
        out["Cross-Origin-Opener-Policy"] = "same-origin"
    return out


def preview_page(settings: Settings, policy: Policy, host: str, engine: str) -> Headers:
    """Of our own pages and scripts at a preview's origin, which `engine` holds in a frame."""
    rules = (
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "connect-src 'self'",
        f"frame-ancestors {' '.join((engine, host, *settings.embedders))}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    out = {
        **_ALWAYS,
        "Content-Security-Policy": "; ".join(rules),
        "Origin-Agent-Cluster": "?1",
        "Service-Worker-Allowed": "/",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return out if policy.coep == "none" else out | {"Cross-Origin-Embedder-Policy": policy.coep}


def _reach(network: Network) -> str:
    if network == "none":
        return ""
    if network == "*":
        return " * ws: wss: blob: data:"
    return "".join(f" {scheme}://{name}" for name in network for scheme in ("http", "https", "ws", "wss"))


def shared(origin: str | None, host: str) -> Headers:
    """What lets our host page, which asks with `origin`, see whether and how the engine answers."""
    return {"Vary": "Origin"} | ({"Access-Control-Allow-Origin": host} if origin == host else {})
