"""OpenID Connect: the authorization code flow with PKCE, state and nonce, by authlib; who comes back, and in which groups."""

import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from authlib.deprecate import AuthlibDeprecationWarning
from joserfc.errors import JoseError

from services.worklist.access.settings import LOOPBACK, AccessSettings
from services.worklist.access.store import Attempt

with warnings.catch_warnings():
    # It would rather have httpx2, and says so on stderr; httpx is what we have.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.base_client import OAuthError
    from authlib.integrations.starlette_client import StarletteIntegration, StarletteOAuth2App

CALLBACK = "/sign-in/callback"
SKEW = 60
"""Seconds by which the provider's clock may differ from ours."""
TIMEOUT = 10.0
SIGNED_BY = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
"""Signatures by a key that only the provider has; `none` and shared secrets are no proof of who spoke."""


class OidcError(Exception):
    """The provider did not say who somebody is. `passing`: it does not answer, and may do so later."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Person:
    """Who came back: for ever the same `subject`, a `name` for colleagues, and the groups they are in."""

    subject: str
    name: str
    groups: frozenset[str]


class Oidc:
    """One provider, found by discovery when the first person goes there."""

    def __init__(self, settings: AccessSettings) -> None:
        assert settings.oidc_issuer is not None
        assert settings.worklist_url is not None
        assert settings.oidc_client_id is not None
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._name_claim = settings.oidc_name_claim
        self._groups_claim = settings.oidc_groups_claim
        self._callback = f"{settings.worklist_url}{CALLBACK}"
        self._signed_out = f"{settings.worklist_url}/signed-out"
        self._app = StarletteOAuth2App(
            StarletteIntegration("oidc"),
            name="oidc",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            server_metadata_url=f"{self._issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={
                "scope": settings.oidc_scopes,
                "code_challenge_method": "S256",
                "timeout": TIMEOUT,
                "follow_redirects": False,
                # The certificates this machine trusts: a hospital's own authority is among them.
                "verify": ssl.create_default_context(),
                **({} if settings.oidc_client_secret else {"token_endpoint_auth_method": "none"}),
            },
        )

    async def begin(self) -> tuple[str, str, Attempt]:
        """The address to send the browser to, the state in it, and what is needed when it comes back."""
        await self._metadata()
        made = await self._ask(self._app.create_authorization_url(self._callback))
        return made["url"], made["state"], Attempt(made["nonce"], made["code_verifier"], "/")

    async def finish(self, code: str, attempt: Attempt) -> Person:
        """Exchange the code, and read the ID token, which must be for us, of this sign-in, and of now."""
        metadata = await self._metadata()
        token = await self._ask(
            self._app.fetch_access_token(
                redirect_uri=self._callback, code=code, code_verifier=attempt.code_verifier
            )
        )
        if "id_token" not in token:
            raise OidcError("no_id_token")
        claims = await self._ask(
            self._app.parse_id_token(
                token,
                attempt.nonce,
                # Without `aud` here authlib takes a token that was made for another client.
                claims_options={
                    "iss": {"essential": True, "value": metadata["issuer"]},
                    "aud": {"essential": True, "value": self._client_id},
                    "sub": {"essential": True},
                    "nonce": {"essential": True, "value": attempt.nonce},
                },
                leeway=SKEW,
            )
        )
        return self._person(dict(claims))

    async def sign_out(self) -> str | None:
        """Where a browser ends the session at the provider too; None where it offers no such place."""
        metadata = await self._metadata()
        if not metadata.get("end_session_endpoint"):
            return None
        made = await self._ask(
            self._app.create_logout_url(post_logout_redirect_uri=self._signed_out, client_id=self._client_id)
        )
        url: str = made["url"]
        return url

    def _person(self, claims: Mapping[str, Any]) -> Person:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject.isprintable() or not 0 < len(subject) <= 255:
            raise OidcError("no_subject")
        said = claims.get(self._name_claim)
        name = said if isinstance(said, str) and said.strip() else subject
        groups = frozenset(_words(_claim(claims, self._groups_claim)))
        return Person(f"{self._issuer} {subject}", _plain(name), groups)

    async def _metadata(self) -> Mapping[str, Any]:
        """What discovery says, checked once: of this issuer, and all of it over TLS."""
        metadata: dict[str, Any] = await self._ask(self._app.load_server_metadata())
        if metadata.get("checked"):
            return metadata
        problem = self._wrong(metadata)
        if problem is not None:
            self._app.server_metadata.clear()
            raise OidcError(problem)
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [each for each in offered if each in SIGNED_BY]
        metadata["checked"] = True
        return metadata

    def _wrong(self, metadata: Mapping[str, Any]) -> str | None:
        # Discovery 1.0, 4.3: else one provider could speak for another.
        if metadata.get("issuer") != self._issuer:
            return "another_issuer"
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"):
            where = metadata.get(name)
            if where is None and name == "end_session_endpoint":
                continue
            parts = urlsplit(where if isinstance(where, str) else "")
            if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
                return "endpoint_without_tls"
        return None

    async def _ask(self, asked: Any) -> Any:
        """Await something of authlib; whatever goes wrong there is an OidcError, without its text."""
        try:
            return await asked
        except httpx.HTTPStatusError as error:
            raise OidcError("provider_error", passing=error.response.status_code >= 500) from None
        except httpx.HTTPError:
            raise OidcError("provider_away", passing=True) from None
        except (OAuthError, JoseError) as error:
            raise OidcError(type(error).__name__) from None
        except (ValueError, KeyError, TypeError, RuntimeError) as error:
            raise OidcError(f"unreadable_{type(error).__name__}") from None


def _claim(claims: Any, name: str) -> Any:
    """The claim of this name; where there is none, dots in it lead into objects."""
    if isinstance(claims, Mapping) and name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    return _claim(claims.get(first), rest) if dot and isinstance(claims, Mapping) else None


def _words(said: Any) -> list[str]:
    """A claim as a list of words: one word, or several."""
    several = said if isinstance(said, list) else [said]
    return [each for each in several if isinstance(each, str)]


def _plain(name: str) -> str:
    return "".join(each for each in name if each.isprintable()).strip()[:100]
