"""When things were known: the earliest arrival among the messages that stand and say this very thing."""

from msgspec import UNSET

from tests.admissions.domain.builders import an_event, on, visit

A01 = an_event("A01", "05 08:30", arrived="05 08:35", pv1_3="4W")
A03 = an_event("A03", "09 15:00", arrived="09 15:05", pv1_44="05 08:30", pv1_36="01")


class TestDischarge:
    def test_first_word(self) -> None:
        """An update that says the same later does not matter; one that came before does."""
        assert visit(A01, A03).discharge_learned_at == on("09 15:05")
        echo = an_event("A08", "09 16:00", pv1_45="09 15:00", arrived="09 16:05")
        assert visit(A01, A03, echo).discharge_learned_at == on("09 15:05")
        early = an_event("A08", "09 15:01", pv1_45="09 15:00", arrived="09 15:02")
        assert visit(A01, A03, early).discharge_learned_at == on("09 15:02")

    def test_corrected(self) -> None:
        """The time that holds now was first said by the correction."""
        moved = an_event("A08", "10 09:00", pv1_45="08 15:00", arrived="10 09:05")
        assert visit(A01, A03, moved).discharge_learned_at == on("10 09:05")

    def test_cancelled_and_said_again(self) -> None:
        """What was taken back does not count as known."""
        again = an_event("A03", "09 15:00", recorded="09 18:00", arrived="09 18:05")
        assert visit(A01, A03, an_event("A13", "09 16:00"), again).discharge_learned_at == on("09 18:05")

    def test_without_pv1_45(self) -> None:
        """By its event time."""
        bare = an_event("A03", "09 15:04", stated="09 15:00", pv1_45=UNSET, arrived="09 15:10")
        assert visit(A01, bare).discharge_learned_at == on("09 15:10")

    def test_first_seen(self) -> None:
        """By whatever showed it."""
        update = an_event("A08", "10 09:00", pv1_45="09 15:00", arrived="10 09:05")
        assert visit(update).discharge_learned_at == on("10 09:05")


class TestDisposition:
    def test_with_the_discharge(self) -> None:
        """The A03 said it."""
        found = visit(A01, A03).disposition
        assert found
        assert found.learned_at == on("09 15:05")

    def test_later(self) -> None:
        """The update that brought it."""
        found = visit(A01, A03, an_event("A08", "11 09:00", pv1_36="03", arrived="11 09:05")).disposition
        assert found
        assert (found.code, found.learned_at) == ("03", on("11 09:05"))

    def test_repeated(self) -> None:
        """The first that said it."""
        later = [an_event("A08", f"{day} 09:00", pv1_36="03", arrived=f"{day} 09:05") for day in (11, 12)]
        found = visit(A01, A03, *later).disposition
        assert found
        assert found.learned_at == on("11 09:05")

    def test_never_said(self) -> None:
        """Known to be unknown since the discharge was."""
        found = visit(A01, an_event("A03", "09 15:00", arrived="09 15:05")).disposition
        assert found
        assert (found.stated, found.learned_at) == (False, on("09 15:05"))


class TestTransfer:
    moved = an_event("A02", "06 10:14", stated="06 10:10", pv1_3="ICU^02", arrived="06 10:15")

    def test_first_word(self) -> None:
        """The bed may be corrected; it is the same move."""
        bed = an_event("A02", "06 10:30", stated="06 10:10", pv1_3="ICU^03", arrived="06 10:31")
        (move,) = visit(A01, self.moved, bed).transfers
        assert (move.destination.bed, move.destination.room, move.learned_at) == (None, "03", on("06 10:15"))

    def test_cancelled_and_sent_again(self) -> None:
        """Known from the message that stands."""
        again = an_event("A02", "06 12:00", stated="06 10:10", pv1_3="ICU^02", arrived="06 12:01")
        (move,) = visit(A01, self.moved, an_event("A12", "06 11:00", pv1_3="4W"), again).transfers
        assert move.learned_at == on("06 12:01")

    def test_conversion(self) -> None:
        """The A06 that arrived first."""
        begun = an_event("A04", "05 02:00", pv1_2="E", pv1_3="ED")
        converts = [
            an_event("A06", "05 08:04", stated="05 08:00", pv1_3="4W", arrived=at, control=at)
            for at in ("05 09:00", "05 08:05")
        ]
        (move,) = visit(begun, *converts).transfers
        assert move.learned_at == on("05 08:05")


class TestAdmission:
    def test_first_word(self) -> None:
        """The A01."""
        assert visit(A01, an_event("A08", "06 09:00", pv1_44="05 08:30")).admit_learned_at == on("05 08:35")

    def test_corrected(self) -> None:
        """The update that brought the time."""
        update = an_event("A08", "06 09:00", pv1_44="05 07:30", arrived="06 09:05")
        assert visit(A01, update).admit_learned_at == on("06 09:05")

    def test_it_takes_an_admission(self) -> None:
        """Before the A01 came the time may have been known, the admission was not."""
        early = an_event("A08", "05 08:31", pv1_44="05 08:30", arrived="05 08:32")
        assert visit(early, A01).admit_learned_at == on("05 08:35")
        assert visit(early).admit_learned_at is None
        assert visit(A03).admit_learned_at is None
        assert visit(an_event("A13", "09 16:00", pv1_44="05 08:30")).admit_learned_at is None

    def test_a_late_admission(self) -> None:
        """Known when it came, after the discharge."""
        late = an_event("A01", "05 08:30", arrived="09 15:06")
        assert visit(A03, late).admit_learned_at == on("09 15:06")

    def test_conversion(self) -> None:
        """Not when the patient was registered."""
        begun = an_event("A04", "05 02:00", pv1_2="E")
        converts = an_event("A06", "05 08:04", stated="05 08:00", pv1_44="05 02:00", arrived="05 08:05")
        assert visit(begun, converts).admit_learned_at == on("05 08:05")


def test_nothing_depends_on_arrival_but_what_was_known_when() -> None:
    """The same messages, an hour later each."""
    history = [A01, TestTransfer.moved, A03]
    later = [
        an_event("A01", "05 08:30", arrived="05 09:35", pv1_3="4W"),
        an_event("A02", "06 10:14", stated="06 10:10", pv1_3="ICU^02", arrived="06 11:15"),
        an_event("A03", "09 15:00", arrived="09 16:05", pv1_44="05 08:30", pv1_36="01"),
    ]
    known = {"admit_learned_at", "discharge_learned_at", "settle_from"}
    nested = {"disposition": {"learned_at"}, "transfers": {"__all__": {"learned_at"}}}
    without = dict.fromkeys(known, True) | nested
    assert visit(*history).model_dump(exclude=without) == visit(*later).model_dump(exclude=without)  # type: ignore[arg-type]
