"""Who sent a message, as far as that can be had before anything else of it is read."""


def sender(raw: bytes) -> tuple[str, str]:
    """MSH-3.1 and MSH-4.1, by which a feed is chosen; empty where the header cannot be read."""
    start = raw.find(b"MSH")
    fields = raw[start : start + 1000].split(raw[start + 3 : start + 4] or b"|", 4) if start >= 0 else []
    if len(fields) < 5:
        return "", ""
    component = fields[1][:1] or b"^"
    application, facility = (
        each.split(component, 1)[0].decode("ascii", "replace").strip() for each in fields[2:4]
    )
    return application, facility
