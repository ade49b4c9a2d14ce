"""Feed profiles: those shipped and the hospital's own, and which of them reads a record."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from services.admissions.domain.feed import NAME, FeedProfile
from services.admissions.feed_file import FeedError, Written, load_file
from services.chassis.yaml_file import Fault

SHIPPED = Path(__file__).parent / "feeds"
DEFAULT = "default"
_MOST_UNLISTED = 1000


class Feeds:
    """All profiles by name. A profile of the hospital replaces the shipped one of the same name."""

    def __init__(self, profiles: Iterable[FeedProfile]) -> None:
        self._by_name = {profile.feed: profile for profile in profiles}
        if DEFAULT not in self._by_name:
            raise FeedError(
                [Fault(f"there is no feed named {DEFAULT}; add {DEFAULT}.yaml to the feed profiles")]
            )
        self._without_profile: dict[str, FeedProfile] = {}
        # The profile that asks for most is asked first, names decide between equals: never the order of files.
        self._matching = sorted(
            (
                (profile.match.claim, profile)
                for profile in self._by_name.values()
                if any(profile.match.claim)
            ),
            key=lambda each: (-sum(value is not None for value in each[0]), each[1].feed),
        )

    @classmethod
    def load(cls, directory: Path | None = None) -> Self:
        """Read the shipped profiles, then those of `directory`; raises FeedError with all that is wrong."""
        written = load_files(files(SHIPPED))
        if directory is not None:
            if not directory.is_dir():
                raise FeedError([Fault("is no directory; name the folder of feed profiles", directory)])
            own = load_files(files(directory))
            if faults := clashes(written, own):
                raise FeedError(faults)
            written += own
        return cls(each.profile for each in written)

    @property
    def by_name(self) -> Mapping[str, FeedProfile]:
        return self._by_name

    def of(self, topic: str, header: str | None, msh3: str, msh4: str) -> FeedProfile:
        """The feed of one record: the one its `feed` header names, else the one that matches, else `default`.

        A name without a profile is a feed of its own, read as `default` is: two hospitals that number their
        visits alike must not become one because nobody has described them yet.
        """
        if header and (named := self._by_name.get(header) or self._unlisted(header)) is not None:
            return named
        for (of_topic, application, facility), profile in self._matching:
            if (
                (of_topic is None or of_topic == topic)
                and (application is None or application == msh3)
                and (facility is None or facility == msh4)
            ):
                return profile
        return self._by_name[DEFAULT]

    def named(self, name: str) -> FeedProfile:
        """The profile by which a feed is read that sent under this name."""
        return self._by_name.get(name) or self._unlisted(name) or self._by_name[DEFAULT]

    def _unlisted(self, name: str) -> FeedProfile | None:
        known = self._without_profile.get(name)
        # Names come from outside: odd ones, and more of them than there are hospitals, are not taken up.
        if known is None and NAME.fullmatch(name) and len(self._without_profile) < _MOST_UNLISTED:
            known = self._without_profile[name] = self._by_name[DEFAULT].model_copy(update={"feed": name})
        return known


def files(directory: Path) -> list[Path]:
    """The profiles of a folder."""
    return sorted(path for path in directory.iterdir() if path.suffix in {".yaml", ".yml"})


def load_files(paths: Iterable[Path]) -> list[Written]:
    """Read profiles; raises FeedError with what is wrong in any of them."""
    written: list[Written] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            written.append(load_file(path))
        except FeedError as error:
            faults += error.faults
    if faults:
        raise FeedError(faults)
    return written


def clashes(shipped: Iterable[Written], own: Iterable[Written]) -> list[Fault]:
    """What is wrong between profiles that are each good: a name given twice, or the same records claimed twice.

    Which of two counts must not hang on the order of a folder, nor on the letters of a name: the feed is part
    of every visit's key. A profile of the hospital's may take the name of a shipped one, and with it its place.
    """
    faults = []
    by_name: dict[str, Written] = {}
    for each in own:
        first = by_name.setdefault(each.profile.feed, each)
        if first is not each:
            sentence = f"names the feed {each.profile.feed}, as {first.path.name} does; keep one of them"
            faults.append(Fault(sentence, each.path, key="feed"))
    claims: dict[tuple[str | None, ...], list[Written]] = defaultdict(list)
    for each in (*(one for one in shipped if one.profile.feed not in by_name), *by_name.values()):
        if any(each.profile.match.claim):
            claims[each.profile.match.claim].append(each)
    for claim in claims.values():
        first, *others = claim
        faults += [
            Fault(
                f"asks for the very records that {first.profile.feed} ({first.path.name}) asks for; "
                "say more in one of them, or take one away",
                each.path,
                key="match",
            )
            for each in others
        ]
    return faults
