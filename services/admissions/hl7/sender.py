"""Who sent a message, as far as that can be had before anything else of it is read."""


def sender(raw: bytes) -> tuple[str, str]:
    """MSH-3 and MSH-4, by which a feed is chosen: of each the namespace, else the universal id.

    Empty where the header cannot be read; whether it can is not judged here.
    """
    start = raw.find(b"MSH")
    fields = raw[start : start + 1000].split(raw[start + 3 : start + 4] or b"|", 4) if start >= 0 else []
    if len(fields) < 5:
        return "", ""
    component = fields[1][:1] or b"^"
    return _name(fields[2], component), _name(fields[3], component)


def _name(field: bytes, component: bytes) -> str:
    namespace, *others = field.decode("ascii", "replace").split(component.decode("ascii", "replace"), 2)
    return namespace.strip() or (others[0].strip() if others else "")
