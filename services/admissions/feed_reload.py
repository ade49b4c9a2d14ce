"""Feed profiles that change while admissions runs: good ones take effect with the next batch, the others are told."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from services.admissions.feed_file import FeedError, Written, parse
from services.admissions.feeds import SHIPPED, Feeds, clashes, files, load_files
from services.chassis import metrics
from services.chassis.logs import get_logger
from services.chassis.loops import run_forever
from services.chassis.yaml_file import Fault

if TYPE_CHECKING:
    from services.chassis.service import Service

log = get_logger("admissions.feeds")

EVERY = 5.0
"""Seconds between two looks; the files are few and small, so their contents are compared, whatever their times say."""

REFUSED = metrics.declare(
    "baton_feed_profile_refused",
    "gauge",
    "Feed profiles that changed and cannot be used, so that what stood before stays in force; see /readyz.",
)


class Reload:
    """The hospital's own profiles as they are in force, and what is wrong with newer ones."""

    def __init__(self, folder: Path | None) -> None:
        """Read the folder as it stands; raises FeedError where not all of it is good."""
        self._folder = folder
        self._shipped = load_files(files(SHIPPED))
        own = load_files(files(folder)) if folder is not None and folder.is_dir() else []
        if faults := clashes(self._shipped, own):
            raise FeedError(faults)
        self._in_force = {each.path: each for each in own}
        self._refused: dict[Path, tuple[bytes, FeedError]] = {}
        self.faults: tuple[Fault, ...] = ()

    def look(self) -> Feeds | None:
        """Compare the folder with what is in force; give all profiles where something new is good."""
        if self._folder is None:
            return None
        faults: list[Fault] = []
        try:
            paths = files(self._folder) if self._in_force or self._folder.exists() else []
        except OSError as error:
            self.faults = (Fault(f"cannot be read ({type(error).__name__}); check the folder", self._folder),)
            return None
        wanted = {path: found for path in paths if (found := self._read(path, faults)) is not None}
        wanted = self._without_clashes(wanted, faults)
        self.faults = tuple(faults)
        if wanted == self._in_force:
            return None
        self._tell(wanted)
        self._in_force = wanted
        return Feeds(each.profile for each in (*self._shipped, *wanted.values()))

    async def readiness(self) -> str | None:
        """What /readyz says: nothing, or what is wrong with the profiles that are not in force."""
        if not self.faults:
            return None
        return f"{' '.join(map(str, self.faults))} What stood before stays in force."

    async def run(self, service: "Service", take: Callable[[Feeds], None]) -> None:
        """Look again and again until cancelled; `take` is given what is new."""
        once = partial(self.once, service, take)
        await run_forever("feed profiles", once, service.progress, every=EVERY, registry=service.registry)

    async def once(self, service: "Service", take: Callable[[Feeds], None]) -> None:
        """Look, have what is new taken, and tell what changed."""
        before = self.faults
        feeds = await asyncio.to_thread(self.look)
        if feeds is not None:
            take(feeds)
        if self.faults != before:
            for fault in self.faults:
                log.error("a feed profile is refused; what stood before stays in force", reason=str(fault))
            if not self.faults:
                log.info("all feed profiles are good again")
        service.registry.gauge(REFUSED).set(len({fault.path for fault in self.faults}))

    def _read(self, path: Path, faults: list[Fault]) -> Written | None:
        """The profile as the file has it now; where that is no good, as it is in force."""
        standing = self._in_force.get(path)
        try:
            data = path.read_bytes()
            known = self._refused.get(path)
            if known is not None and known[0] == data:
                raise known[1]
            found = parse(path, data) if standing is None or standing.data != data else standing
        except OSError as error:
            faults.append(Fault(f"cannot be read ({type(error).__name__}); check the file", path))
            return standing
        except FeedError as error:
            self._refused[path] = data, error
            faults += error.faults
            return standing
        self._refused.pop(path, None)
        return found

    def _without_clashes(self, wanted: dict[Path, Written], faults: list[Fault]) -> dict[Path, Written]:
        """What is new gives way where it clashes; what is in force clashes with nothing in force."""
        while True:
            # Of two that clash the later one is blamed.
            own = sorted(wanted.values(), key=lambda each: self._in_force.get(each.path) is not each)
            found = clashes(self._shipped, own)
            if not found:
                return wanted
            faults += found
            blamed = {fault.path for fault in found}
            wanted = {
                path: standing
                for path, each in wanted.items()
                if (standing := self._in_force.get(path) if path in blamed else each) is not None
            }

    def _tell(self, wanted: dict[Path, Written]) -> None:
        for path, each in wanted.items():
            if self._in_force.get(path) is not each:
                profile = each.profile
                log.info(
                    "a feed profile takes effect with the next batch",
                    feed=profile.feed,
                    version=each.version,
                    mode=profile.mode,
                )
        kept = {each.profile.feed for each in wanted.values()}
        for each in self._in_force.values():
            if each.profile.feed not in kept:
                log.warning(
                    "a feed profile is gone: its messages are read by another", feed=each.profile.feed
                )
