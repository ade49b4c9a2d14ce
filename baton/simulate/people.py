"""Invented people: whom a visit is about, who cares for them at home, and the clinicians of the hospital."""

from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

import yaml

from baton.simulate.catalogue import Choice

_MEDICARE = "\rIN1|1|MCRA^Medicare Part A|CMS001|Centers for Medicare"
_OTHER_PAYER = "\rIN1|1|PPO^Preferred provider|MUT014|Fairhaven Mutual"


class Person:
    """One person, with the parts of the messages that do not change.

    `own` is the patient number that stays when others are merged into it; `dead` when the person died, once told.
    """

    __slots__ = ("dead", "kin", "middle", "own", "payer", "physician")

    def __init__(self, own: str, middle: str, physician: str, kin: str, payer: str) -> None:
        self.own = own
        self.middle = middle
        self.physician = physician
        self.kin = kin
        self.payer = payer
        self.dead: int | None = None


@cache
def _names() -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((files(__package__) / "names.yaml").read_text(encoding="utf-8"))
    said["languages"] = Choice(said["languages"].items())
    said["kin"] = Choice(said["kin"].items())
    return said


class People:
    """Everybody, as they appear; patient numbers count up from `first`."""

    def __init__(self, seed: str, first: int) -> None:
        self._rng = Random(f"{seed}/people")
        self._next = first
        self.staff = tuple(self._clinician("D", number) for number in range(60))
        self._physicians = tuple(
            f"PD1|||{self._rng.choice(_names()['practices'])}^^88{number:02d}|{self._clinician('P', number)}"
            for number in range(40)
        )

    def person(self, ages: tuple[int, int], today: date) -> Person:
        """Somebody new."""
        rng, names = self._rng, _names()
        born = today - timedelta(days=rng.randrange(ages[0] * 365, ages[1] * 365 + 365))
        sex = "F" if rng.random() < 0.52 else "M"
        first = names["women" if sex == "F" else "men"]
        family, given = rng.choice(names["families"]), rng.choice(first)
        area = rng.choice(names["area_codes"])
        home = f"{rng.randrange(1, 900)} {rng.choice(names['streets'])}^^{rng.choice(names['towns'])}^NY^00000^USA^H"
        middle = (
            f"||{family}^{given}^{rng.choice('ABCDEGHJKLMNPRST')}^^^^L||{born:%Y%m%d}|{sex}||2106-3|{home}||"
            f"^PRN^PH^^1^{area}^55501{rng.randrange(100):02d}~^PRN^CP^^1^{area}^55501{rng.randrange(100):02d}|"
            f"|{names['languages'].draw(rng)}^ISO639|{rng.choice('MMMSWD')}||"
        )
        kin = "".join(
            f"NK1|{number}|{family}^{rng.choice(names[rng.choice(('women', 'men'))])}|{names['kin'].draw(rng)}|{home}"
            f"|^PRN^CP^^1^{area}^55501{rng.randrange(100):02d}||C^Emergency Contact\r"
            for number in range(1, 3 if rng.random() < 0.4 else 2)
        )
        old = (today - born).days > 65 * 365
        return Person(
            self.number(), middle, rng.choice(self._physicians), kin, _MEDICARE if old else _OTHER_PAYER
        )

    def number(self) -> str:
        """A patient number not yet given."""
        self._next += 1
        return str(self._next)

    def _clinician(self, letter: str, number: int) -> str:
        names, rng = _names(), self._rng
        given = rng.choice(names["women"] if number % 2 else names["men"])
        return f"{letter}{number:04d}^{rng.choice(names['families'])}^{given}^^^Dr"
