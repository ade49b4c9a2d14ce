"""A small OpenID Connect provider on loopback: real HTTP, real keys, codes, PKCE; told to misbehave where a test wants it."""

import base64
import hashlib
import hmac
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "baton", "secret-of-the-client"


def _key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name, "use": "sig", "alg": "RS256"}, private=True)


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@dataclass
class Provider:
    """What it says of whom; `claims` are put over those of the ID token, None takes one out."""

    port: int
    key: RSAKey = field(default_factory=lambda: _key("one"))
    published: list[RSAKey] = field(default_factory=list)
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    error: str = ""
    broken: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def turn_key(self) -> None:
        """Sign with a new key from now on."""
        self.key = _key("two")
        self.published = [self.key]

    async def discovery(self, _: Request) -> Response:
        if self.broken:
            return Response(status_code=503)
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "end_session_endpoint": f"{self.issuer}/logout",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            }
            | self.metadata
        )

    async def authorize(self, request: Request) -> Response:
        """Everybody who comes is Nora Nurse and agrees."""
        said = dict(request.query_params)
        assert said["response_type"] == "code"
        assert said["client_id"] == CLIENT
        assert said["code_challenge_method"] == "S256"
        if self.error:
            return RedirectResponse(
                f"{said['redirect_uri']}?{urlencode({'error': self.error, 'state': said['state']})}"
            )
        code = secrets.token_urlsafe(8)
        self.codes[code] = said
        return RedirectResponse(f"{said['redirect_uri']}?{urlencode({'code': code, 'state': said['state']})}")

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        known = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        given = request.headers.get("authorization", "").removeprefix("Basic ")
        asked = self.codes.pop(form.get("code", ""), None)
        if given != known or asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if _base64(digest).decode() != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        return JSONResponse(
            {
                "access_token": "a",
                "token_type": "Bearer",
                "expires_in": 60,
                "id_token": self._signed(asked["nonce"]),
            }
        )

    def _signed(self, nonce: str) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer, "sub": "n-1", "aud": CLIENT, "exp": now + 60, "iat": now, "nonce": nonce,
            "preferred_username": "nora", "groups": ["nurses", "everybody"],
        }  # fmt: skip
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        if self.algorithm == "none":
            return b".".join([_base64(b'{"alg":"none"}'), _base64(json.dumps(claims).encode()), b""]).decode()
        if self.algorithm == "HS256":
            # The old trick: the public key, which everybody has, as a shared secret.
            head = {"alg": "HS256", "kid": self.key.kid}
            signed = b".".join(_base64(json.dumps(each).encode()) for each in (head, claims))
            mac = hmac.digest(self.key.as_pem(private=False), signed, "sha256")
            return (signed + b"." + _base64(mac)).decode()
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    async def jwks(self, _: Request) -> Response:
        return JSONResponse({"keys": [each.as_dict(private=False) for each in self.published]})

    async def logout(self, request: Request) -> Response:
        self.asked.append(str(request.url))
        return RedirectResponse(request.query_params["post_logout_redirect_uri"])


@contextmanager
def providing() -> Iterator[Provider]:
    """A provider that answers until this is left."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        provider = Provider(listening.getsockname()[1])
        provider.published = [provider.key]
        app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", provider.discovery),
                Route("/authorize", provider.authorize),
                Route("/token", provider.token, methods=["POST"]),
                Route("/jwks", provider.jwks),
                Route("/logout", provider.logout),
            ]
        )
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield provider
        finally:
            server.should_exit = True
            thread.join()
