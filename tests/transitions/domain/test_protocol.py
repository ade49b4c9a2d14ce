"""Protocols as data: what is shipped, what may be changed, and that a mistake is told in one sentence."""

from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
import yaml

from schemas.reference.dispositions import Category
from services.transitions.domain.protocol import Elapsed
from services.transitions.protocol import SHIPPED, ProtocolError, load_protocol

TEXT = (SHIPPED / "transitions-of-care.yaml").read_text(encoding="utf-8")


def put(config: Path, name: str, text: str) -> None:
    """Place a protocol of the site's own."""
    (config / "protocols").mkdir(exist_ok=True)
    (config / "protocols" / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_every_destination_is_named() -> None:
    """No category of the reference table falls to `unknown` by omission."""
    assert set(load_protocol().dispositions) == set(get_args(Category))


def test_the_demo_changes_spans_and_nothing_else() -> None:
    """The same rules in fast motion."""
    real, demo = load_protocol(), load_protocol("demo")
    assert demo.label == "demo@2"
    assert demo.engine.settle_window == timedelta(seconds=5)
    assert demo.engine.ack_lead == real.engine.ack_lead
    (call, *others), (real_call, *real_others) = (p.dispositions["home"].deadlines for p in (demo, real))  # type: ignore[union-attr]
    assert call.due == Elapsed(timedelta(seconds=40))
    assert (call.met_by, call.severity, call.warnings) == (
        real_call.met_by,
        real_call.severity,
        real_call.warnings,
    )
    assert others == real_others


def test_a_site_puts_its_own_beside(tmp_path: Path) -> None:
    """A file of the site's folder wins over the shipped one of that name, and may extend another."""
    put(tmp_path, "transitions-of-care", TEXT.replace("version: 2", "version: 7"))
    put(tmp_path, "fast", "extends: transitions-of-care\nelapsed: {call_72h: PT48H}\n")
    assert load_protocol(folder=tmp_path).label == "transitions-of-care@7"
    assert load_protocol("fast", tmp_path).label == "fast@7"


def edited(change: dict[str, object]) -> str:
    """The shipped protocol with one key, `a.b.c`, set or (with None) removed."""
    said = yaml.safe_load(TEXT)
    for key, value in change.items():
        *path, last = key.split(".")
        at = said
        for step in path:
            at = at[int(step)] if step.isdigit() else at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return yaml.safe_dump(said)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"deadlines.call_72h.due": {"elapsed": "72 hours"}},
         "deadlines.call_72h.due.elapsed: is no duration; write ISO 8601 such as PT72H or PT90M"),
        ({"deadlines.call_72h.due": {"elapsed": 72}},
         "deadlines.call_72h.due.elapsed: is no duration; write ISO 8601 such as PT72H or PT90M"),
        ({"deadlines.call_72h.due": {}},
         "deadlines.call_72h.due: says not exactly one of elapsed, business_days, end_of_day, with_visit; write one of them"),
        ({"deadlines.call_72h.colour": "red"},
         "deadlines.call_72h.colour: is not known; remove it or correct its spelling"),
        ({"deadlines.call_72h.severity": None}, "deadlines.call_72h.severity: is missing; write it"),
        ({"deadlines.tcm_contact.warnings.0.at": None},
         "deadlines.tcm_contact.warnings.0: needs `at` with a day and only then; write a day and its time, or a span"),
        ({"deadlines.tcm_contact.warnings.0.at": 900},
         'deadlines.tcm_contact.warnings.0.at: is no time of day; write it in quotes, such as "15:00"'),
        ({"dispositions.unknown": "none"},
         "the file: opens nothing for `unknown` dispositions; say what is owed while nobody knows"),
        ({"dispositions.home.deadlines": ["call_48h"]},
         "the file: names in dispositions.home the deadline call_48h, which it does not define; define it"),
        ({"version": 0}, "version: Input should be greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_its_remedy(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    """File, key, what to do."""
    put(tmp_path, "ours", edited(change))
    with pytest.raises(ProtocolError) as told:
        load_protocol("ours", tmp_path)
    assert str(told.value) == f"ours.yaml: {sentence}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "ours.yaml: line 2 is not readable YAML; correct it"),
        ("- 1", "ours.yaml: holds no keys; begin with `name:` and `version:`"),
        ("extends: transitions-of-care\nelapsed: {tcm_contact: PT1M}",
         "ours.yaml: elapsed.tcm_contact: runs on no watch in transitions-of-care.yaml; leave it out"),
        ("extends: demo", "ours.yaml: extends: demo.yaml extends another itself; name that one"),
        ("extends: nothing", "nothing.yaml: is not there; put it into protocols/ of the configuration, or name another"),
        ("extends: transitions-of-care\nengine: {ack_lead: PT1M}",
         "ours.yaml: engine.ack_lead: Input should be 'settle_window' or 'attempt_gap'"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_told_as_such(tmp_path: Path, text: str, sentence: str) -> None:
    """Before anything is planned."""
    put(tmp_path, "ours", text + "\n")
    with pytest.raises(ProtocolError) as told:
        load_protocol("ours", tmp_path)
    assert str(told.value) == sentence


def test_a_name_is_not_a_path() -> None:
    """Nothing outside the folders is read."""
    with pytest.raises(ProtocolError, match="is no name"):
        load_protocol("../settings")
