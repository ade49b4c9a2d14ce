"""The two cookies: the session's, and, before there is one, that of the sign-in page."""

from dataclasses import dataclass

from starlette.responses import Response

SESSION = "baton"
ENTRY = "baton-entry"


@dataclass(frozen=True, slots=True)
class Cookies:
    """`__Host-` (RFC 6265bis, 4.1.3.2) where there is https: no other host and no plain HTTP can set it."""

    secure: bool

    def name(self, which: str) -> str:
        return f"__Host-{which}" if self.secure else which

    def put(self, response: Response, which: str, value: str) -> None:
        """Set one until the browser is closed; the server ends it sooner."""
        response.set_cookie(
            self.name(which), value, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def drop(self, response: Response, which: str) -> None:
        response.delete_cookie(self.name(which), path="/", secure=self.secure, httponly=True, samesite="lax")
