"""What a protocol says of risk and programme, and what it may not say."""

from pathlib import Path

import pytest
import yaml

from services.transitions.domain.risk.rules import RiskRules
from services.transitions.protocol import SHIPPED, ProtocolError, load_protocol


def a_protocol(folder: Path, **said: object) -> Path:
    """The shipped protocol under another name, with these sections."""
    whole = yaml.safe_load((SHIPPED / "transitions-of-care.yaml").read_text(encoding="utf-8"))
    (folder / "protocols").mkdir()
    (folder / "protocols" / "ours.yaml").write_text(
        yaml.safe_dump(whole | {"name": "ours"} | said), encoding="utf-8"
    )
    return folder


def test_what_is_left_out_is_as_shipped(tmp_path: Path) -> None:
    """The defaults of section 12.4."""
    assert load_protocol().risk == RiskRules()
    rules = load_protocol("ours", a_protocol(tmp_path, risk={"bands": [6, 11]})).risk
    assert (rules.lace.bands, rules.lace.weights, rules.programme) == (
        (6, 11),
        "wang2014",
        RiskRules().programme,
    )


def test_every_key_arrives(tmp_path: Path) -> None:
    """Those of the page docs/risk-and-programme.md."""
    risk = {"lace_profile": "bmjopen", "charlson_set": "quan2005", "lace_use_chain": False, "bands": [5, 11]}
    programme = {
        "chronic_min": 3,
        "hosp_min": 3,
        "include_index": False,
        "include_f17": True,
        "sdoh_extra": ["transport"],
    }
    rules = load_protocol("ours", a_protocol(tmp_path, risk=risk, programme=programme)).risk
    lace, ours = rules.lace, rules.programme
    assert (lace.weights, lace.charlson_set, lace.use_chain, lace.bands) == (
        "bmjopen",
        "quan2005",
        False,
        (5, 11),
    )
    assert (ours.chronic_min, ours.hosp_min, ours.include_index, ours.include_f17) == (3, 3, False, True)
    assert ours.sdoh_extra == {"transport"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"risk": {"bands": [10, 5]}}, "has bands that do not rise"),
        ({"risk": {"lace_profile": "mine"}}, "risk.lace_profile"),
        ({"risk": {"charlsonset": "quan2005"}}, "risk.charlsonset is not known; write charlson_set if that is meant"),
        ({"programme": {"sdoh_extra": ["pets"]}}, "write some of financial, transport, utilities_water"),
        ({"programme": {"chronic_min": -1}}, "programme.chronic_min"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_told_with_its_place(
    tmp_path: Path, said: dict[str, object], sentence: str
) -> None:
    """In one sentence, at the start."""
    with pytest.raises(ProtocolError) as refused:
        load_protocol("ours", a_protocol(tmp_path, **said))
    assert sentence in str(refused.value)
