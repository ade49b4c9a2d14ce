"""Who is meant: the choice among PID-3 repetitions, visits, accounts, and what MRG says of the past."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admissions.domain.model import PatientKey, VisitKey
from tests.admissions.hl7.builders import a_message, a_profile, event_of, events_of, refusal_of, segment


def _patient(pid3: str, pid2: str = "", **keys: object) -> PatientKey:
    patient = event_of(a_message(pid={"f2": pid2, "f3": pid3}), a_profile(**keys)).patient
    assert patient is not None
    return patient


@pytest.mark.parametrize(
    ("pid3", "expected"),
    [
        ("9^^^STATE^EI~70001^^^HOSPA^MR", ("HOSPA", "MR", "70001")),
        ("1^^^HOSPA^PT~2^^^HOSPA^PI~3^^^HOSPA^MRN~4^^^HOSPA^MR", ("HOSPA", "MR", "4")),
        ("1^^^HOSPA^PT~2^^^HOSPA^PI~3^^^HOSPA^MRN", ("HOSPA", "MRN", "3")),
        ("1^^^HOSPA^PT~2^^^HOSPA^PI", ("HOSPA", "PI", "2")),
        ("0^^^HOSPA~1^^^HOSPA^PT", ("HOSPA", "PT", "1")),
        ("70001^^^HOSPA", ("HOSPA", "MR", "70001")),
        ("70001", ("HOSPA", "MR", "70001")),
        ("70001^7^M11^HOSPA^mr", ("HOSPA", "MR", "70001")),
        (" 70001 ^^^ HOSPA ^ MR ", ("HOSPA", "MR", "70001")),
        ("70001^^^HOSPA&1.2.3&ISO^MR", ("HOSPA", "MR", "70001")),
        ("70001^^^&1.2.3&ISO^MR", ("1.2.3", "MR", "70001")),
        ("70001^^^^MR", ("HOSPA", "MR", "70001")),
        ("00070001^^^HOSPA^MR", ("HOSPA", "MR", "00070001")),
        ("1^^^ZETA^MR~2^^^HOSPA^MR~3^^^ALPHA^MR", ("HOSPA", "MR", "2")),
        ("1^^^ZETA^MR~3^^^ALPHA^MR", ("ALPHA", "MR", "3")),
        ('""^^^HOSPA^MR~2^^^HOSPA^PI', ("HOSPA", "PI", "2")),
    ],
)
def test_the_patient_is_chosen_by_type_and_authority(pid3: str, expected: tuple[str, str, str]):
    """Type by the feed's preference, then authority: the sender's own first, then by name."""
    assert PatientKey(*expected) == _patient(pid3)


@given(
    st.permutations(
        ["9^^^STATE^EI", "4^^^ZETA^MR", "70001^^^HOSPA^MR", "70000^^^HOSPA^PI", "5", "6^^^HOSPA^PT"]
    )
)
def test_the_order_of_repetitions_never_matters(repetitions: list[str]):
    """The same identifiers in another order are the same event, but for its fingerprint."""
    event = event_of(a_message(pid={"f3": "~".join(repetitions)}))

    assert PatientKey("HOSPA", "MR", "70001") == event.patient
    assert event_of(a_message(pid={"f3": "~".join(sorted(repetitions))})).identifiers == event.identifiers


def test_a_feed_can_prefer_and_exclude_authorities():
    """mrn_authorities is an order and a filter."""
    sent = "1^^^ALPHA^MR~2^^^HOSPA^MR~3^^^ZETA^MR"

    assert _patient(sent, mrn_authorities=["ZETA", "ALPHA"]).id == "3"
    assert _patient(sent, mrn_authorities=["OTHER", "ALPHA"]).id == "1"
    assert (
        refusal_of(a_message(pid={"f3": sent}), a_profile(mrn_authorities=["X"])).code
        == "no_patient_identifier"
    )


def test_a_default_authority_stands_in_for_a_missing_one():
    """Before MSH-4, in PID-3 and in the visit number alike."""
    event = event_of(
        a_message(pid={"f3": "1^^^^MR", "f18": "A1"}, pv1={"f19": "V1"}),
        a_profile(default_authority="CENTRAL"),
    )

    assert PatientKey("CENTRAL", "MR", "1") == event.patient
    assert (VisitKey("CENTRAL", "V1"), VisitKey("CENTRAL", "A1")) == (event.visit, event.account)


def test_one_repetition_without_a_type_is_accepted_even_where_types_are_asked_for():
    """With several of them nobody can say which."""
    keys = {"mrn_types": ["MR"]}

    assert _patient("9^^^STATE^EI~1^^^HOSPA", **keys).id == "1"
    assert refusal_of(a_message(pid={"f3": "1~2"}), a_profile(**keys)).code == "no_patient_identifier"


def test_pid_2_counts_only_where_the_feed_says_so():
    """Feeds disagree where the medical record number sits."""
    assert _patient("70001^^^HOSPA^MR", pid2="55").id == "70001"
    assert _patient("70001^^^HOSPA^MR", pid2="55^^^HOSPA^MR", mrn_in_pid2=True).id == "55"
    assert _patient("70001^^^HOSPA^MR", pid2="55^^^HOSPA^EI", mrn_in_pid2=True).id == "70001"
    assert _patient("70001^^^HOSPA^MR", mrn_in_pid2=True).id == "70001"


def test_leading_zeros_go_only_where_the_feed_says_so():
    """A number of nothing but zeros keeps one."""
    assert _patient("00070001^^^HOSPA^MR", strip_leading_zeros=True).id == "70001"
    assert _patient("000^^^HOSPA^MR", strip_leading_zeros=True).id == "0"


def test_two_hospitals_may_use_one_number():
    """Equal numbers of two authorities are two patients."""
    assert _patient("12345^^^HOSPA^MR") != _patient("12345^^^HOSPB^MR")


def test_a_social_security_number_is_never_kept():
    """Neither from PID-3 nor from PID-19."""
    event = event_of(a_message(pid={"f3": "123456789^^^SSA^SS~70001^^^HOSPA^MR", "f19": "123-45-6789"}))

    assert (PatientKey("HOSPA", "MR", "70001"),) == event.identifiers
    assert "6789" not in repr(event)


def test_all_identifiers_are_listed_best_first():
    """The enterprise id is no patient key of its own, but links hospitals."""
    event = event_of(a_message(pid={"f3": "9^^^STATE^EI~70001^^^HOSPA^MR~70001^^^HOSPA^MR"}))

    assert (PatientKey("HOSPA", "MR", "70001"), PatientKey("STATE", "EI", "9")) == event.identifiers


@pytest.mark.parametrize("pid3", ["", '""', "^^^HOSPA^MR", "9^^^STATE^EI", "x" * 300])
def test_a_patient_nobody_can_name_is_refused(pid3: str):
    """With the position, without the value."""
    refusal = refusal_of(a_message(pid={"f3": pid3}))

    assert (refusal.code, refusal.segment, refusal.field) == ("no_patient_identifier", "PID", 3)


def test_a_message_without_pid_is_refused():
    """The segment is named, no field."""
    refusal = refusal_of(a_message().replace("PID|", "ZID|"))

    assert (refusal.code, refusal.segment, refusal.field) == ("no_patient_identifier", "PID", None)


def test_a_bed_status_needs_no_patient():
    """A20 speaks of a bed."""
    event = event_of(a_message("A20", "NPU|4W^401^A^HOSPA|U").replace("PID|", "ZID|"))

    assert (event.patient, event.type) == (None, "ignored")


@pytest.mark.parametrize(
    ("pv1_19", "pid_18", "visit"),
    [
        ("V100^^^HOSPB^VN", "A1", VisitKey("HOSPB", "V100")),
        ("V100", "A1", VisitKey("HOSPA", "V100")),
        ("", "A1^^^BILL^AN", VisitKey("BILL", "A1")),
        ('""', "A1", VisitKey("HOSPA", "A1")),
        ("", "", None),
        ("9766461117577379599^^^^visitid", "", VisitKey("HOSPA", "9766461117577379599")),
    ],
)
def test_a_visit_is_named_by_its_number_else_by_the_account(pv1_19: str, pid_18: str, visit: VisitKey | None):
    """PV1-19, then PID-18; a message with neither is accepted and touches no visit."""
    event = event_of(a_message("A08", pid={"f18": pid_18}, pv1={"f19": pv1_19}))

    assert visit == event.visit


def _merge(event: str, mrg: dict[str, str], **pid: str) -> str:
    return a_message(event, segment("MRG", **mrg), pid=pid)


def test_a_merge_names_who_is_folded_into_whom():
    """MRG-1 into PID-3, of one type and authority where MRG-1 repeats."""
    event = event_of(_merge("A40", {"f1": "9^^^STATE^EI~70000^^^ZETA^MR~69999^^^HOSPA^MR"}))

    assert (PatientKey("HOSPA", "MR", "70001"), PatientKey("HOSPA", "MR", "69999")) == (
        event.patient,
        event.prior_patient,
    )
    assert event.type == "patient_merged"


def test_the_other_authority_is_taken_when_it_is_the_only_one_of_the_type():
    """The same type at another authority comes before another type."""
    event = event_of(_merge("A40", {"f1": "1^^^HOSPA^PI~70000^^^ZETA^MR"}))

    assert PatientKey("ZETA", "MR", "70000") == event.prior_patient


def test_a_merge_without_an_authority_gets_the_feeds():
    """MRG-1 is often the bare number."""
    assert PatientKey("HOSPA", "MR", "70000") == event_of(_merge("A40", {"f1": "70000"})).prior_patient


@pytest.mark.parametrize("event", ["A41", "A35", "A44", "A45", "A49"])
def test_accounts_move_and_merge(event: str):
    """MRG-3 is the account before, PID-18 the account now."""
    said = event_of(_merge(event, {"f1": "70001^^^HOSPA^MR", "f3": "A1^^^HOSPA^AN"}, f18="A2^^^HOSPA^AN"))

    assert (VisitKey("HOSPA", "A1"), VisitKey("HOSPA", "A2")) == (said.prior_account, said.account)


@pytest.mark.parametrize(
    ("event", "field", "prior"),
    [("A42", "f5", "V99"), ("A50", "f5", "V99"), ("A45", "f6", "V99"), ("A42", "f6", None)],
)
def test_visits_move_and_merge(event: str, field: str, prior: str | None):
    """MRG-5 is the visit before; only for A45 may MRG-6 say it."""
    said = event_of(_merge(event, {"f1": "70001", field: "V99"}))

    assert (VisitKey("HOSPA", prior) if prior else None) == said.prior_visit
    assert VisitKey("HOSPA", "V100") == said.visit


@pytest.mark.parametrize("event", ["A06", "A07"])
def test_a_change_of_class_with_mrg_merges_nobody(event: str):
    """The account may change with the class; the patient is the same."""
    said = event_of(_merge(event, {"f1": "70001^^^HOSPA^MR", "f3": "A1", "f5": "V99"}, f18="A2"))

    assert (None, VisitKey("HOSPA", "A1"), VisitKey("HOSPA", "V99")) == (
        said.prior_patient,
        said.prior_account,
        said.prior_visit,
    )


def test_a_merge_of_several_patients_is_several_events():
    """ADT_A39 repeats the group of PID and MRG; MRG may also repeat under one PID."""
    groups = "MRG|1^^^HOSPA^MR\rPID|||80001^^^HOSPA^MR\rMRG|2^^^HOSPA^MR\rMRG|3^^^HOSPA^MR"
    events = events_of(a_message("A40", groups))

    assert [(e.patient.id, e.prior_patient.id) for e in events] == [
        ("70001", "1"),
        ("80001", "2"),
        ("80001", "3"),
    ]
    assert len({e.event_id for e in events}) == 3
    assert len({e.fingerprint for e in events}) == 1


def test_a_move_of_several_visits_is_several_events():
    """ADT_A45 repeats MRG and PV1 under one PID."""
    message = a_message("A45").replace("PV1|", "ZZ1|")
    message += f"MRG|1||||V1\r{segment('PV1', f19='V11')}\rMRG|1||||V2\r{segment('PV1', f19='V12')}\r"

    events = events_of(message)

    assert [(e.prior_visit.number, e.visit.number) for e in events] == [("V1", "V11"), ("V2", "V12")]


def test_a_swap_is_two_events():
    """A17 holds two patients and two visits; each is moved to its own new place."""
    second = "PID|||80001^^^HOSPA^MR||BYRNE^COLM\r" + segment("PV1", f2="I", f3="ICU^1^B^HOSPA", f19="V200")
    first, other = events_of(a_message("A17", second))

    assert (first.patient.id, first.visit.number, first.location.unit) == ("70001", "V100", "4W")
    assert (other.patient.id, other.visit.number, other.location.unit) == ("80001", "V200", "ICU")
    assert (first.trigger, other.trigger, other.type) == ("A17", "A17", "transferred")
    assert f"{first.event_id}-2" == other.event_id
    assert other.person.name == "BYRNE, COLM"


def test_half_a_swap_that_names_nobody_refuses_the_whole():
    """Half an exchange of beds would put two patients into one."""
    assert refusal_of(a_message("A17", "PID|||", "PV1||I")).code == "no_patient_identifier"


@pytest.mark.parametrize(("event", "kind"), [("A24", "linked"), ("A37", "unlinked")])
def test_a_link_names_both_patients(event: str, kind: str):
    """Two PID segments in one event; neither is folded into the other."""
    said = event_of(a_message(event, "PID|||80001^^^HOSPB^MR"))

    assert (kind, PatientKey("HOSPB", "MR", "80001")) == (said.type, said.prior_patient)


class TestEnterprise:
    """The identifier that names the person in every hospital, where the profile says of which type it is."""

    @staticmethod
    def read(pid3: str, **pid: str) -> PatientKey | None:
        message = a_message(pid={"f3": pid3} | pid)
        return event_of(message, a_profile(enterprise_types=["EI"])).enterprise

    def test_of_its_type(self):
        """Beside the number of the hospital, never in its place."""
        assert self.read("1^^^HOSPA^MR~9^^^REGION^EI") == PatientKey("REGION", "EI", "9")
        assert self.read("9^^^REGION^EI~1^^^HOSPA^MR") == PatientKey("REGION", "EI", "9")
        assert self.read("1^^^HOSPA^MR~9^^^REGION^XX") is None

    def test_off_where_not_stated(self):
        """Then it is one identifier of many."""
        assert event_of(a_message(pid={"f3": "1^^^HOSPA^MR~9^^^REGION^EI"})).enterprise is None

    def test_two_of_them(self):
        """Nobody guesses."""
        assert self.read("1^^^HOSPA^MR~9^^^REGION^EI~8^^^REGION^EI") is None

    @pytest.mark.parametrize(
        "pid",
        [{"f5": "UNKNOWN^MALE"}, {"f5": "DOE^JOHN"}, {"f5": "LINDQVIST^BABY OF ASTA"}, {"f7": "19000101"}],
    )
    def test_nobody_known(self, pid: dict[str, str]):
        """Placeholders never link."""
        assert self.read("1^^^HOSPA^MR~9^^^REGION^EI", **pid) is None


class TestMoves:
    """A45 without PV1-19: the visit is in MRG, and PID-18 is where it goes."""

    def test_the_visit_of_mrg(self):
        """Never the account it goes to."""
        message = a_message("A45", segment("MRG", f1="1^^^HOSPA^MR", f3="ACC1^^^HOSPA", f5="V7^^^HOSPA"),
                            pid={"f18": "ACC2^^^HOSPA"}, pv1={"f19": ""})  # fmt: skip
        event = event_of(message)

        assert event.visit == event.prior_visit == VisitKey("HOSPA", "V7")
