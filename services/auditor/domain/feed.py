"""What a feed profile says, as far as the audit follows it; it names the keys that it does not follow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.reference.dispositions import dispositions

_PREFERRED = ("MR", "MRN", "PI", "PT", "")
_HARMLESS = frozenset({"feed", "match", "fallback_charset", "feed_silence", "mode", "strict_events"})


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed. The defaults are those of a feed that nobody has described."""

    name: str = "default"
    processing_ids: tuple[str, ...] = ("P",)
    mrn_types: tuple[str, ...] = _PREFERRED
    mrn_authorities: tuple[str, ...] = ()
    disposition_map: tuple[tuple[str, str], ...] = ()
    observation_classes: tuple[str, ...] = ("OBS", "V")
    observation_types: tuple[str, ...] = ("OBS", "OBV", "OBSERVATION")
    zero_time_means_date_only: bool = False
    trust_msh7_offset: bool = True
    a08_implies_discharge: bool = True
    null_discharge_undoes: bool = True
    death_words: tuple[str, ...] = ("Y", "DECEASED")
    not_followed: tuple[str, ...] = ()

    def code_of(self, said: str) -> str:
        """The two digits of PV1-36; empty where nothing was said, `unknown` where the word is not known."""
        if not said:
            return ""
        mapped = {word.casefold(): code for word, code in self.disposition_map}.get(said.casefold(), said)
        if re.fullmatch(r"0*\d{1,2}", mapped):
            code = f"{int(mapped):02d}"
            if code in dispositions():
                return code
        return "unknown"


def feed_of(profile: Mapping[str, Any]) -> Feed:
    """Read a profile as data."""
    known = {name for name in Feed.__slots__ if name not in {"name", "not_followed", "death_words"}}
    said: dict[str, Any] = {}
    for key, value in profile.items():
        if key == "disposition_map":
            said[key] = tuple((str(word), str(code)) for word, code in value.items())
        elif key in known:
            said[key] = tuple(map(str, value)) if isinstance(value, list) else value
    strange = tuple(sorted(profile.keys() - known - _HARMLESS))
    if "mrn_types" in said and "" not in said["mrn_types"]:
        said["mrn_types"] = (*said["mrn_types"], "")
    return Feed(name=str(profile.get("feed", "default")), not_followed=strange, **said)
