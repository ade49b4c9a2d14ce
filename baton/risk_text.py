"""Programme and LACE of a case in words; what only some may read is told as "clinical criteria met"."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

_REASONS = {
    "clinical_criteria_met": "clinical criteria met",
    "sud": "substance use disorder",
    "smi": "serious mental illness",
    "ltc": "a long-term care decision is pending",
    "sdoh": "social barriers",
    "diagnoses": "coded diagnoses",
    "specialists": "the number of specialists",
    "supports": "how reliable the supports are",
    "stability": "whether the conditions are stable",
    "interpreter_needed": "whether an interpreter is needed",
}
_NOTES = {
    "no_coded_diagnosis": "no diagnosis in ICD-10-CM yet: comorbidity counted as nothing, and the risk as high",
    "admission_type_unknown": "PV1-4 says nothing of urgency: counted as acute",
    "diagnosis_not_icd10cm": "a diagnosis is not coded in ICD-10-CM: not counted",
}
Clock = Callable[[str], str]


def reason(word: str) -> str:
    """A criterion as a person says it."""
    if word.startswith("sdoh:"):
        return f"a social barrier ({word.removeprefix('sdoh:').replace('_', ' ')})"
    name, _, least = word.removesuffix("plus").rpartition("_")
    if name == "chronic":
        return f"{least} or more chronic conditions"
    if name == "hosp":
        return f"{least} or more hospitalisations in a year"
    return _REASONS.get(word, word.replace("_", " "))


def hidden(programme: dict[str, Any]) -> dict[str, Any]:
    """The same without what needs a permission: sensitive reasons become one word, conditions are left out."""
    sensitive = set(programme.get("sensitive", ()))
    told = [word for word in programme.get("reasons", ()) if word not in sensitive]
    if len(told) < len(programme.get("reasons", ())):
        told.append("clinical_criteria_met")
    # That a sensitive criterion is not met, or unknown, says as much as that it is.
    others = {
        name: [word for word in programme.get(name, ()) if word not in {"sud", "smi"}]
        for name in ("not_met", "unknown")
    }
    kept = {name: value for name, value in programme.items() if name not in {"sensitive", "chronic"}}
    return kept | {"reasons": told} | others


def programme_lines(programme: dict[str, Any], at: Clock) -> Iterator[str]:
    """Decision, since when, why; what is not known; what is proposed; the steps of case management."""
    since, reasons = at(programme["since"]), programme.get("reasons", ())
    why = f": {_list(map(reason, reasons))}" if reasons else ""
    yield f"  programme: {_words(programme['decision'])} since {since}{why}"
    if by := programme.get("confirmed_by"):
        yield f"      confirmed by {by} {at(programme['confirmed_at'])}"
    if proposed := programme.get("proposed"):
        yield f"      the facts now say {_words(proposed)}: confirm it, or leave it"
    for name, said in (("not met", "not_met"), ("not known", "unknown"), ("to be found out", "missing")):
        if words := programme.get(said):
            yield f"      {name}: {_list(map(reason, words))}"
    if groups := programme.get("chronic"):
        yield f"      chronic conditions counted: {_list(map(_words, groups))}"
    yield from (f"      {_NOTES.get(note, note)}" for note in programme.get("notes", ()))
    for step in programme.get("steps", ()):
        done = f"done {at(step['at'])}" if step.get("at") else "to be done"
        by = f" by {step['by']}" if step.get("by") else ""
        owner = f", {step['owner']}'s" if step.get("owner") else ""
        due = f", next by {at(step['due_at'])}" if step.get("due_at") else ""
        yield f"      {_words(step['step'])}: {done}{by}{owner}{due}"


def lace_lines(lace: dict[str, Any]) -> Iterator[str]:
    """The score with its parts."""
    parts = f"length {lace['l']}, acute {lace['a']}, comorbidity {lace['c']}, emergency visits {lace['e']}"
    provisional = "; provisional until final diagnoses" if lace["provisional"] else ""
    yield f"  LACE {lace['total']}, {lace['band']} risk ({parts}){provisional}"
    yield from (f"      {_NOTES.get(note, note)}" for note in lace.get("notes", ()))


def _words(text: str) -> str:
    return text.replace("_", " ")


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)
