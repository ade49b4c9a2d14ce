"""Who sent a message, as far as that can be had before anything else of it is read."""

from functools import lru_cache


def sender(raw: bytes) -> tuple[str, str]:
    """MSH-3 and MSH-4, by which a feed is chosen: of each the namespace, else the universal id.

    Empty where the header cannot be read; whether it can is not judged here.
    """
    start = raw.find(b"MSH")
    fields = raw[start : start + 1000].split(raw[start + 3 : start + 4] or b"|", 4) if start >= 0 else []
    if len(fields) < 5:
        return "", ""
    return _names(fields[2], fields[3], fields[1][:1] or b"^")


@lru_cache(maxsize=1024)
def _names(application: bytes, facility: bytes, component: bytes) -> tuple[str, str]:
    return _name(application, component), _name(facility, component)


def _name(field: bytes, component: bytes) -> str:
    namespace, *others = field.decode("ascii", "replace").split(component.decode("ascii", "replace"), 2)
    return namespace.strip() or (others[0].strip() if others else "")
