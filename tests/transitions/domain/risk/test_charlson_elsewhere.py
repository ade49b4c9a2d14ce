"""`quan2005` against the mapping of an independent package, comorbidipy, prefix by prefix and over random codes.

They do not differ in any prefix. Three things are ours alone, and compared apart: comorbidipy puts a code into
one family only (the last that matches; no Quan prefix lies in two), calls two families by other names, and has
no mild kidney disease. Only its mapping is read: the rest of version 0.5 does not import beside pandas 3.
"""

import importlib.util
import random
import runpy
import string
from pathlib import Path

import pytest

from schemas.reference.charlson import charlson

THEIR_NAMES = {"mi": "ami", "cpd": "copd", "rend_mild": "rend"}
OURS = charlson("quan2005")


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[str]]:
    spec = importlib.util.find_spec("comorbidipy")
    assert spec is not None
    assert spec.origin is not None
    mapping = runpy.run_path(str(Path(spec.origin).with_name("mapping.py")))["mapping"]
    found: dict[str, list[str]] = mapping["charlson_icd10_quan"]
    return found


def of_theirs(theirs: dict[str, list[str]], code: str) -> set[str]:
    """As their calculator matches: every family with a prefix of the code."""
    return {family for family, prefixes in theirs.items() if code.startswith(tuple(prefixes))}


def of_ours(code: str) -> set[str]:
    return {THEIR_NAMES.get(family, family) for family in OURS.families(code)}


def test_the_prefixes_are_the_same(theirs: dict[str, list[str]]) -> None:
    """Family by family."""
    ours = {THEIR_NAMES.get(family, family): set(each) for family, each in OURS.codes.named.items()}

    assert ours == {family: set(each) for family, each in theirs.items()}


def test_no_code_is_put_elsewhere(theirs: dict[str, list[str]]) -> None:
    """Every category of ICD-10 with every fourth character, and random longer codes: the same families."""
    chance = random.Random(7)
    categories = [f"{letter}{n:02}" for letter in string.ascii_uppercase for n in range(100)]
    codes = categories + [category + more for category in categories for more in string.digits + "AX"]
    for _ in range(20_000):
        code = chance.choice(categories) + "".join(
            chance.choices(string.digits + "AX", k=chance.randint(2, 4))
        )
        codes.append(code)
    differing = [code for code in codes if of_ours(code) != of_theirs(theirs, code)]

    assert differing == []
    assert sum(bool(of_ours(code)) for code in codes) > 2000


def test_nothing_lies_in_two_families(theirs: dict[str, list[str]]) -> None:
    """So that the longest prefix, the last family and all families are one and the same in the original set."""
    everything = [prefix for each in theirs.values() for prefix in each]

    assert all(len(of_ours(prefix + more)) == 1 for prefix in everything for more in ("", "0", "9"))


def test_what_the_default_set_has_besides(theirs: dict[str, list[str]]) -> None:
    """Only what section 6.2 adds for ICD-10-CM; nothing is taken away but K76.82, which moves."""
    default = charlson("quan2005_us").codes.named
    added = {family: set(each) - set(OURS.codes.named[family]) for family, each in default.items()}
    assert {family for family, each in added.items() if each} == {
        "chf", "dementia", "diab", "diabwc", "rend", "canc", "metacanc", "msld"}  # fmt: skip
    moved = [
        prefix
        for each in added.values()
        for prefix in each
        if (before := of_theirs(theirs, prefix)) and not before <= charlson("quan2005_us").families(prefix)
    ]
    assert moved == ["K7682"]
