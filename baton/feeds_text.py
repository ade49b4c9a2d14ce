"""What `baton feeds try` tells, as a person reads it on a terminal."""

from collections.abc import Iterator
from typing import Any

_UNEXPLAINED = {
    "dispositions": "PV1-36, no UB-04 code: add to disposition_map",
    "classes": "PV1-2, outside table 0004: observation_classes, if that is meant",
    "identifier_types": "PID-3.5, not in mrn_types: add those that number patients",
    "authorities": "PID-3.4, not in mrn_authorities: add those that may name a patient",
    "facilities_without_zone": "not in facilities.yaml, and the profile has no zone: the default's zone is taken",
}
_INDENT = "    "


def tell(document: dict[str, Any]) -> str:
    """The messages in their order, then the summary."""
    lines = [line for message in document.get("messages", ()) for line in _message(message)]
    return "\n".join([*lines, *([""] if lines else []), *_summary(document)])


def _message(message: dict[str, Any]) -> Iterator[str]:
    place = f"{message['file']} {message['message']}"
    if refused := message.get("refused"):
        where = "-".join(str(part) for part in (refused["segment"], refused["field"]) if part is not None)
        yield f"{place}: REFUSED {refused['code']}{' ' if where else ''}{where}: {refused['detail']}"
        return
    for each in (message, *message.get("further", ())):
        yield f"{place}: {each['trigger']} {each['type']}" + (
            "" if each["has_effect"] else ", without effect on the visit"
        )
        yield _INDENT + "  ".join(_who(each))
        yield _INDENT + "  ".join(_when(each))
        if each["disposition"]:
            yield _INDENT + _disposition(each["disposition"])
        if each["flags"]:
            yield f"{_INDENT}flags {', '.join(each['flags'])}"
    if message["differs_from_default"]:
        yield f"{_INDENT}`default` would read otherwise: {', '.join(message['differs_from_default'])}"


def _who(each: dict[str, Any]) -> Iterator[str]:
    patient, number = each["patient"], each.get("patient_number")
    named = f"{patient['type']} of {patient['authority'] or '(nobody)'}" if patient else "none"
    yield f"patient {named}{f' {number}' if number else ''}"
    yield f"visit number {each.get('visit_number') or ('yes' if each['visit'] else 'none')}"
    if each["class"]:
        yield f"class {each['class']}{' (observation)' if each['observation'] else ''}"
    if each["test"]:
        yield "TEST, kept apart"


def _when(each: dict[str, Any]) -> Iterator[str]:
    yield f"at {each['occurred_at']} ({each['zone']})"
    if each["admit_at"]:
        yield f"admitted {each['admit_at']}"
    if each["discharge_at"]:
        yield f"discharged {each['discharge_at']}"


def _disposition(stated: dict[str, Any]) -> str:
    sent = f'disposition "{stated["sent"]}"' if stated["sent"] else "disposition"
    if stated["code"] is None:
        return f"{sent}: unknown; the discharge is unconfirmed"
    return f"{sent}: {stated['code']} {stated['category']}"


def _summary(document: dict[str, Any]) -> Iterator[str]:
    profile, said = document["profile"], document["summary"]
    version = f", version {profile['version']}" if profile["version"] else ""
    yield f"Feed {profile['feed']} ({profile['mode']}{version}): {said['messages']} messages, {said['refused']} refused."
    yield from _counts("by trigger", said["by_trigger"])
    yield from _counts("refused", said["by_refusal"])
    yield from _counts("flags", said["by_flag"])
    if said["tests"]:
        yield f"{said['tests']} kept apart as tests: processing_ids and test_patient_patterns decide."
    others = {name: count for name, count in said["by_match"].items() if name != profile["feed"]}
    if others:
        yield from _counts("without a `feed` header read by another profile", others)
    for name, words in said["unexplained"].items():
        yield from _counts(_UNEXPLAINED[name], words)
    if profile["feed"] != "default":
        yield f"{said['differ_from_default']} of {said['messages']} would be read otherwise by `default`."
        yield from _counts("in", said["differences"])


def _counts(title: str, counts: dict[str, int]) -> Iterator[str]:
    if counts:
        yield f"{title}:"
        yield from (f"{_INDENT}{count:>7}  {word}" for word, count in counts.items())
