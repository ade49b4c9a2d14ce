"""The headers of every answer, as one table."""

from collections.abc import MutableMapping

from starlette.datastructures import MutableHeaders

STREAM = "text/event-stream"

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
"""No inline script or style, nothing from elsewhere, in nobody's frame."""

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    # A case id in an address stays here, whatever a page links to.
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
TWO_YEARS = "max-age=63072000"


def policy(form_action: str = "") -> str:
    """The Content-Security-Policy; `form_action` is one more origin a form may lead to."""
    said = POLICY | {"form-action": f"{POLICY['form-action']} {form_action}".rstrip()}
    return "; ".join(f"{name} {value}" for name, value in said.items())


def put(message: MutableMapping[str, object], csp: str, *, secure: bool) -> None:
    """Add them to the start of an answer. What is nobody's asset is kept by no cache."""
    headers = MutableHeaders(scope=message)
    for name, value in ALWAYS.items():
        headers[name] = value
    headers["Content-Security-Policy"] = csp
    if "cache-control" not in headers:
        headers["Cache-Control"] = "no-store"
    if secure:
        headers["Strict-Transport-Security"] = TWO_YEARS
