"""The story of the eleven fixture messages, as far as transitions sees it, read after each of them."""

from msgspec.structs import replace

from tests.transitions.domain.builders import Story, a_move, a_stay, ny

TO_ICU = a_move("2026-01-06 10:10", "ICU", learned="2026-01-06 10:15")
ADMITTED = a_stay("V100", moves=(TO_ICU,), diagnoses=("I50.9",))
FRIDAY = a_stay(
    "V100", discharged="2026-01-09 15:00", learned="2026-01-09 15:05", moves=(TO_ICU,), diagnoses=("I50.9",)
)
AGAIN = a_stay(
    "V100",
    discharged="2026-01-09 18:10",
    learned="2026-01-09 18:15",
    moves=(TO_ICU,),
    diagnoses=("I50.9",),
    to=None,
)
TO_SNF = a_stay(
    "V100",
    discharged="2026-01-09 18:10",
    learned="2026-01-09 18:15",
    disposition_learned="2026-01-11 09:00",
    moves=(TO_ICU,),
    diagnoses=("I13.2", "E11.22"),
    to="03",
)


def after_f5() -> Story:
    return (
        Story()
        .hears("2026-01-05 08:35", a_stay("V100"))
        .hears("2026-01-06 10:15", ADMITTED)
        .hears("2026-01-09 15:05", FRIDAY)
        .hears("2026-01-09 16:05", ADMITTED)
        .hears("2026-01-09 18:15", AGAIN)
    )


def test_f2_the_transfer_is_owed_an_acknowledgement() -> None:
    """Due at 11:10, an hour after the move."""
    story = Story().hears("2026-01-06 10:15", ADMITTED)
    assert story.deadline("handoff_ack_unit", "V100").due_at == ny("2026-01-06 11:10")


def test_f3_a_discharge_home_on_friday() -> None:
    """The call by Monday 15:00, the contact by the end of Tuesday; the missed handoff is over."""
    story = Story().hears("2026-01-06 10:15", ADMITTED).hears("2026-01-09 15:05", FRIDAY)
    assert story.deadline("call_72h", "V100").due_at == ny("2026-01-12 15:00")
    assert story.deadline("tcm_contact", "V100").due_at == ny("2026-01-13 24:00")
    handoff = story.deadline("handoff_ack_unit", "V100")
    assert (handoff.status, handoff.owed) == ("missed", False)
    assert story.replan_at == ny("2026-02-08 24:00")


def test_who_is_dead_or_back_is_not_planned_again_for_the_window() -> None:
    """Another end came first, and no end of thirty days changes anything."""
    home = a_stay(discharged="2026-01-09 15:00", learned="2026-01-09 15:05")
    dead = a_stay(discharged="2026-01-09 15:00", learned="2026-01-09 15:05", died="2026-01-12 08:00")
    back = a_stay("V2", admitted="2026-01-20 10:00", learned="2026-01-20 10:05")
    assert Story().hears("2026-01-12 09:00", dead).replan_at is None
    assert Story().hears("2026-01-09 15:05", home).hears("2026-01-20 10:05", back).replan_at is None


def test_f4_the_discharge_is_cancelled() -> None:
    """Every deadline of it is void."""
    story = Story().hears("2026-01-09 15:05", FRIDAY).hears("2026-01-09 16:05", ADMITTED)
    assert story.row(number="V100").status == "void"
    assert {d.status for d in story.row(number="V100").deadlines.values()} == {"void"}


def test_f5_the_second_discharge_says_nothing_of_the_destination() -> None:
    """The same episode, from ten minutes later on, provisional."""
    story = after_f5()
    assert story.row(number="V100").status == "void"
    story.until("2026-01-09 18:25")
    row = story.row(number="V100")
    assert (row.status, row.revision) == ("open", 3)
    call, contact = row.deadlines["call_72h"], row.deadlines["tcm_contact"]
    assert (call.due_at, contact.due_at) == (ny("2026-01-12 18:10"), ny("2026-01-13 24:00"))
    assert call.provisional
    assert contact.provisional
    assert (call.generation, call.late_known) == (1, False)


def test_f6_the_destination_arrives_two_days_later() -> None:
    """The calls are void; the facility handoff was due on Friday night and is late known."""
    story = after_f5().hears("2026-01-11 09:00", TO_SNF)
    assert {d.status for d in story.row(number="V100").deadlines.values()} == {"void"}
    handoff = story.deadline("handoff_ack_facility", "V100")
    assert (handoff.due_at, handoff.status, handoff.late_known) == (ny("2026-01-09 22:10"), "missed", True)


def test_f10_f11_home_without_an_admission_then_a_death() -> None:
    """The contact spans the holiday on Monday; the death on Sunday ends everything."""
    home = a_stay(
        "V300",
        admitted="2026-01-12 10:00",
        discharged="2026-01-16 15:00",
        learned="2026-01-16 15:05",
        gap=True,
    )
    story = Story().hears("2026-01-16 15:05", home)
    assert story.deadline("tcm_contact", "V300").due_at == ny("2026-01-21 24:00")
    assert story.deadline("call_72h", "V300").due_at == ny("2026-01-19 15:00")
    story.hears(
        "2026-01-18 12:00",
        replace(home, death_at=ny("2026-01-18 06:00"), death_learned_at=ny("2026-01-18 12:00")),
    )
    row = story.row(number="V300")
    assert (row.status, row.close_reason, row.closed_at) == ("closed", "died", ny("2026-01-18 06:00"))
    assert {(d.status, d.settled_at) for d in row.deadlines.values()} == {("void", ny("2026-01-18 06:00"))}
