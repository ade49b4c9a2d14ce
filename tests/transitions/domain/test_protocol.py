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
    """The shipped protocol as `ours` with one key, `a.b.c`, set or (with None) removed."""
    said = yaml.safe_load(TEXT)
    for key, value in {"name": "ours", **change}.items():
        *path, last = key.split(".")
        at = said
        for step in path:
            at = at[int(step)] if step.isdigit() else at[step]
        if value is None:
            del at[last]
        else:
            at[last] = value
    return yaml.safe_dump(said)


def told(config: Path, text: str, label: str = "ours") -> list[str]:
    """The sentences about a file of this content, without its name; their lines hold what they speak of."""
    put(config, "ours", text)
    with pytest.raises(ProtocolError) as refused:
        load_protocol(label, config)
    lines = text.splitlines()
    for fault in refused.value.faults:
        *_, above, last = ["", *fault.key.split(".")]
        if fault.line and not last.isdigit():
            # Where a key is missing the line is that of what it is missing from.
            assert f"{last}:" in lines[fault.line - 1] or f"{above}:" in lines[fault.line - 1], str(fault)
    return [f"{fault.key} {fault.sentence}".strip() for fault in refused.value.faults]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"deadlines.call_72h.due": {"elapsed": "72 hours"}},
         "deadlines.call_72h.due.elapsed is no duration; write ISO 8601 such as PT72H or PT90M"),
        ({"deadlines.call_72h.due": {"elapsed": 72}},
         "deadlines.call_72h.due.elapsed is no duration; write ISO 8601 such as PT72H or PT90M"),
        ({"deadlines.call_72h.due": {}},
         "deadlines.call_72h.due says not exactly one of elapsed, business_days, end_of_day, with_visit; write one of them"),
        ({"deadlines.call_72h.colour": "red"}, "deadlines.call_72h.colour is not known; remove it"),
        ({"complexities": {}}, "complexities is not known; write complexity if that is meant"),
        ({"deadlines.call_72h.severity": None}, "deadlines.call_72h.severity is missing; write it"),
        ({"deadlines.call_72h.severity": "P5"}, "deadlines.call_72h.severity wants 'P1', 'P2', 'P3' or 'P4'"),
        ({"deadlines.tcm_contact.warnings.0.at": None},
         "deadlines.tcm_contact.warnings.0 needs `at` with a day and only then; write a day and its time, or a span"),
        ({"deadlines.tcm_contact.warnings.0.at": 900},
         'deadlines.tcm_contact.warnings.0.at is no time of day; write it in quotes, such as "15:00"'),
        ({"deadlines.visit_7d.met_by": {"action": {"type": "sang_a_song"}}},
         "deadlines.visit_7d.met_by.action.type wants 'pcp_notified', 'visit_completed' or 'medications_reconciled'"),
        ({"dispositions.unknown": "none"},
         "dispositions opens nothing for `unknown`; say what is owed while nobody knows"),
        ({"dispositions.home": "nothing"},
         "dispositions.home wants keys of its own; look at how a shipped protocol writes it"),
        ({"dispositions.mars": "none"}, "dispositions.mars is no destination; take one of acute_hospital, ama, "),
        ({"dispositions.home.deadlines": ["call_48h"]},
         "dispositions.home.deadlines.0 names the deadline call_48h, which is not defined; define it, or correct the name"),
        ({"dispositions.home.deadlines": ["handoff_ack_unit"]},
         "dispositions.home.deadlines.0 owes handoff_ack_unit, which nothing can satisfy: nobody acknowledges a discharge home"),
        ({"transfers.deadlines": ["call_72h"]},
         "transfers.deadlines.0 owes call_72h, which nothing can satisfy: only acknowledgements are of a transfer"),
        ({"deadlines.call_72h.due": {"elapsed": "PT0S"}, "deadlines.call_72h.warnings": []},
         "deadlines.call_72h.due is over when it begins; give it some time"),
        ({"deadlines.pcp_notify.met_by": {"action": {"type": "pcp_notified", "from_day": 3}}},
         "deadlines.pcp_notify.met_by can never be in time: it counts only when the deadline is over"),
        ({"deadlines.call_72h.met_by.contact.no_attempt": ["reached"]},
         "deadlines.call_72h.met_by says of all that satisfies that it is no attempt; correct one of the two"),
        ({"deadlines.pcp_notify.due": {"end_of_day": 31}},
         "deadlines.pcp_notify.due lies behind the end of the episode, 30 days after the discharge"),
        ({"deadlines.med_rec.due": {"with_visit": ["call_72h"]}},
         "deadlines.med_rec.due.with_visit names call_72h, which is no deadline of days; name one that is"),
        ({"deadlines.med_rec.due": {"with_visit": ["visit_7d"]}},
         "deadlines.med_rec.due.with_visit knows no visit at the other complexity; name that one as well"),
        ({"version": 0}, "version is too small; write at least 1"),
        ({"version": "two"}, "version is no whole number; write one, such as 2"),
        ({"name": "Our Care"}, "name may hold only small letters, digits and hyphens, and begins with a letter; correct it"),
        ({"deadlines.call_72h.severity_lowrisk": "P3"},
         "deadlines.call_72h.severity_lowrisk is not known; write severity_low_risk if that is meant"),
        ({"deadlines.call_72h.met_by.contact.channel": ["phone"]},
         "deadlines.call_72h.met_by.contact.channel is not known; write channels if that is meant"),
        ({"deadlines.call_72h.met_by.contact.channels": "phone"},
         "deadlines.call_72h.met_by.contact.channels is no list; write it in brackets, such as [reached, refused]"),
        ({"deadlines.call_72h.met_by.contact.channels": []},
         "deadlines.call_72h.met_by.contact.channels names nothing; write at least one"),
        ({"deadlines.tcm_contact.due": {"business_days": 90}},
         "deadlines.tcm_contact.due.business_days is too large; write at most 60"),
        ({"deadlines.tcm_contact.warnings.0.unless_attempted": "mostly"},
         "deadlines.tcm_contact.warnings.0.unless_attempted is neither true nor false; write one of them"),
        ({"deadlines.tcm_contact.warnings.0.unless_attempts": True},
         "deadlines.tcm_contact.warnings.0.unless_attempts is not known; write unless_attempted if that is meant"),
        ({"deadlines.tcm_contact.warnings.0.at": "\u201c15:00\u201d"},
         'deadlines.tcm_contact.warnings.0.at is no time of day; write it in straight quotes, such as "15:00"'),
        ({"deadlines.call_72h.due": {"elapsed": "P72"}},
         "deadlines.call_72h.due.elapsed is no duration; write ISO 8601 such as PT72H or PT90M"),
        ({"deadlines.call_72h.responsible": "nurse"},
         "deadlines.call_72h.responsible wants 'coordinator', 'clinician', 'pharmacist', 'practice', 'receiving_unit' or "),
        ({"deadlines.pcp_notify.responsible": "receiving_unit", "dispositions.hospice_home": "none",
          "dispositions.home": "none", "dispositions.home_health": "none", "dispositions.ama": "none"},
         "dispositions.unknown.deadlines.2 makes the receiving unit responsible for pcp_notify, and nobody receives anything"),
        ({"dispositions.disaster_site.deadlines": ["call_72h", "call_72h"]},
         "dispositions.disaster_site.deadlines.1 names call_72h a second time; once is enough"),
        ({"name": "theirs"}, "name is not that of the file; write ours, or rename it"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_its_remedy(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    """Line, key, what to do."""
    found = told(tmp_path, edited(change))
    assert len(found) == 1
    assert found[0].startswith(sentence)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Two mistakes and a key that stands twice are three sentences, by line."""
    text = "name: ours\nname: ours\nversion: one\nextends: transitions-of-care\nelapsed: {call_72h: soon}\n"
    assert told(tmp_path, text) == [
        "name is not known; remove it",
        "name stands twice, first in line 1; keep one of them",
        "version is not known; remove it",
        "elapsed.call_72h is no duration; write ISO 8601 such as PT72H or PT90M",
    ]


LATE, EARLY = (
    "comes when the deadline is over; let it come earlier",
    "comes before the clock has begun; let it come later",
)


@pytest.mark.parametrize(
    ("kind", "warning", "sentence"),
    [
        ("call_72h", {"after_start": "PT71H59M"}, None),
        ("call_72h", {"after_start": "PT72H"}, LATE),
        ("call_72h", {"after_start": "PT0S"}, EARLY),
        ("call_72h", {"before_due": "PT71H"}, None),
        ("call_72h", {"before_due": "PT72H"}, EARLY),
        ("call_72h", {"before_due": "PT0S"}, LATE),
        ("call_72h", {"day": 3, "at": "23:59"}, None),
        ("call_72h", {"day": 5, "at": "00:00"}, LATE),
        ("tcm_contact", {"business_day": 2, "at": "23:59"}, None),
        ("tcm_contact", {"business_day": 3, "at": "00:00"}, LATE),
        ("visit_7d", {"day": 7, "at": "23:59"}, None),
        ("visit_7d", {"day": 8, "at": "00:00"}, LATE),
        ("visit_7d", {"day": 0, "at": "00:00"}, EARLY),
        ("visit_7d", {"business_day": 8, "at": "00:00"}, LATE),
        ("visit_7d", {"before_due": "P9D"}, EARLY),
        ("med_rec", {"day": 14, "at": "12:00"}, None),
        ("med_rec", {"day": 15, "at": "12:00"}, LATE),
    ],
)
def test_a_warning_comes_while_the_clock_runs(
    tmp_path: Path, kind: str, warning: dict[str, object], sentence: str | None
) -> None:
    """One that never can is a mistake; one that comes for some discharges only is none."""
    text = edited({f"deadlines.{kind}.warnings": [{**warning, "severity": "P3"}]})
    if sentence is None:
        put(tmp_path, "ours", text)
        assert load_protocol("ours", tmp_path).label == "ours@2"
    else:
        assert told(tmp_path, text) == [f"deadlines.{kind}.warnings.0 {sentence}"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "ours.yaml, line 2: this is not YAML; check quotes, colons and indentation there."),
        ("- 1", "ours.yaml: holds no keys; begin with `name:` and `version:`."),
        ("extends: transitions-of-care\nelapsed: {tcm_contact: PT1M}",
         "ours.yaml, line 2: elapsed.tcm_contact runs on no watch in transitions-of-care; leave it out."),
        ("extends: demo", "ours.yaml, line 1: extends names demo.yaml, which is no whole protocol; name one."),
        ("extends: nothing", "nothing.yaml: is not there; put it into protocols/ of the configuration, or name another."),
        ("extends: transitions-of-care\nengine: {ack_lead: PT1M}",
         "ours.yaml, line 2: engine.ack_lead wants 'settle_window' or 'attempt_gap'."),
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
