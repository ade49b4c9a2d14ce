"""What a request says of itself, read with care: where it goes next, which address it came from, which form it holds."""

from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from services.worklist.access.settings import Network

HOME = "/"
LONGEST_NEXT = 2000
FORM = "application/x-www-form-urlencoded"


def local_path(given: str | None) -> str:
    """Where to go after signing in: a path of ours, else the first page (an open redirect is none of these)."""
    if not given or len(given) > LONGEST_NEXT or not given.startswith("/"):
        return HOME
    # Browsers read `\\` as `/`, drop tabs and line ends, and take `//host` for another server.
    if (
        given[1:2] in {"/", "\\"}
        or "\\" in given
        or any(ord(each) <= 32 or ord(each) == 127 for each in given)
    ):
        return HOME
    try:
        parts = urlsplit(given)
    except ValueError:
        return HOME
    if parts.scheme or parts.netloc or not given.isascii():
        return HOME
    if parts.path.startswith(("/sign-", "/signed-out", "/api/")):
        return HOME
    return given


def path_of(url: str) -> str:
    """Path and query of an address, wherever that is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HOME
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def client_address(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The address a request came from: the peer's, or, where that is a trusted proxy, the last it did not add itself."""
    address = peer
    hops = [each.strip() for line in forwarded for each in line.split(",")]
    while address is not None and hops and _is_trusted(address, trusted):
        hop = hops.pop()
        try:
            address = str(ip_address(hop))
        except ValueError:
            break
    return address


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return any(found in each for each in trusted)


def form_field(content_type: str, body: bytes, name: str) -> str | None:
    """A field of an urlencoded form; None for any other body, or where it is there twice."""
    if content_type.partition(";")[0].strip().lower() != FORM:
        return None
    try:
        values = parse_qs(body.decode("ascii"), max_num_fields=500).get(name, [])
    except ValueError:
        return None
    return values[0] if len(values) == 1 else None


def from_elsewhere(origins: Sequence[str], site: str | None, ours: str) -> bool:
    """Whether a browser says that another site sends this.

    With `Referrer-Policy: no-referrer` browsers send `Origin: null` with our own forms: then Sec-Fetch-Site decides, and
    where there is none either, the token does.
    """
    if site is not None and site not in {"same-origin", "none"}:
        return True
    return any(each.lower() not in {ours, "null"} for each in origins)
