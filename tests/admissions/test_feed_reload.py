"""Feed profiles that change while admissions runs."""

import asyncio
import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from services.admissions.consumer import Inbound
from services.admissions.feed_file import FeedError
from services.admissions.feed_reload import Reload
from services.admissions.settings import Settings
from services.chassis.service import Service
from tests.messages import adt, record

WEST = "feed: west\nmatch: {sending_facility: WEST}\n"
SHADOW = WEST + "mode: shadow\n"
WRONG = WEST + "zone: Mars\n"
CLASH = WEST.replace("feed: west", "feed: other")
GONE = None


def put(folder: Path, files: dict[str, str | None]) -> None:
    for name, text in files.items():
        path = folder / f"{name}.yaml"
        if text is None:
            path.unlink()
        else:
            path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("changed", "modes", "faults"),
    [
        ({"west": SHADOW}, {"west": "shadow"}, []),
        ({"west": WEST}, None, []),
        ({"west": WRONG}, None, ["west.yaml"]),
        ({"west": "feed: [\n"}, None, ["west.yaml"]),
        ({"west": WRONG, "east": "feed: east\n"}, {"west": "live", "east": "live"}, ["west.yaml"]),
        ({"east": "feed: east\n"}, {"west": "live", "east": "live"}, []),
        ({"east": WRONG}, None, ["east.yaml"]),
        ({"a": CLASH}, None, ["a.yaml"]),
        ({"a": CLASH, "east": "feed: east\n"}, {"west": "live", "east": "live"}, ["a.yaml"]),
        ({"a": SHADOW}, None, ["a.yaml"]),
        ({"a": SHADOW, "west": GONE}, {"west": "shadow"}, []),
        ({"a": CLASH, "west": SHADOW + "zone: America/Chicago\n"}, None, ["west.yaml", "a.yaml"]),
        ({"west": GONE}, {}, []),
    ],
)  # fmt: skip
def test_what_is_good_is_taken_and_what_is_not_leaves_the_old_in_force(
    tmp_path: Path, changed: dict[str, str | None], modes: dict[str, str] | None, faults: list[str]
):
    """Given `west` in force; then each file is judged by itself, and one that clashes gives way to what stands."""
    put(tmp_path, {"west": WEST})
    reload = Reload(tmp_path)
    put(tmp_path, changed)

    feeds = reload.look()

    found = feeds and {
        name: each.mode for name, each in feeds.by_name.items() if name in {"west", "east", "other"}
    }
    assert found == modes
    assert [fault.path.name for fault in reload.faults] == faults
    assert reload.look() is None
    assert [fault.path.name for fault in reload.faults] == faults


def test_a_mended_file_is_taken_and_nothing_is_said_any_more(tmp_path: Path):
    """Given a refused file; when it is mended, it takes effect."""
    put(tmp_path, {"west": WEST})
    reload = Reload(tmp_path)
    put(tmp_path, {"west": WRONG})
    reload.look()
    put(tmp_path, {"west": SHADOW})

    feeds = reload.look()

    assert feeds is not None
    assert feeds.by_name["west"].mode == "shadow"
    assert reload.faults == ()


def test_a_folder_that_comes_later_is_read_and_one_that_goes_changes_nothing(tmp_path: Path):
    """Given no folder; a folder that is gone is rather a mount that is away than a decision."""
    folder = tmp_path / "feeds"
    reload = Reload(folder)
    assert reload.look() is None
    folder.mkdir()
    put(folder, {"west": WEST})
    assert reload.look() is not None
    put(folder, {"west": GONE})
    folder.rmdir()

    assert reload.look() is None
    assert [str(fault) for fault in reload.faults] == [
        "feeds: cannot be read (FileNotFoundError); check the folder."
    ]


def test_without_a_folder_there_is_nothing_to_look_at():
    """Given no BATON_CONFIG_DIR; then the shipped profiles stay."""
    assert Reload(None).look() is None


def test_what_is_wrong_at_the_start_is_an_error(tmp_path: Path):
    """There is nothing then that could stay in force."""
    put(tmp_path, {"west": WRONG})

    with pytest.raises(FeedError, match=r"west\.yaml, line 3: zone"):
        Reload(tmp_path)


@pytest.fixture
def feeds_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of profiles of an installation that has one."""
    folder = tmp_path / "feeds"
    folder.mkdir()
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))
    return folder


@pytest.fixture
def lines() -> Iterator[list[structlog.typing.EventDict]]:
    """What is logged, from `info` on."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with capture_logs() as found:
        yield found
    structlog.configure(**before)


@pytest.mark.postgres
async def test_a_batch_after_the_change_is_read_by_the_new_profile(
    feeds_dir: Path, service: Service, lines: list[structlog.typing.EventDict]
):
    """Given a live feed that goes into shadow; what is stored stays, what comes is read anew, one log line tells."""
    inbound, reload = Inbound(Settings()), Reload(feeds_dir)
    once = partial(reload.once, service, partial(inbound.take, registry=service.registry))

    async def send(number: int) -> None:
        message = adt("A01", control=str(number), at="202601050830", visit=f"V{number}", mrn=f"7{number}")
        await inbound.on_inbound(service, [record(message, offset=number)])

    hospa = WEST.replace("WEST", "HOSPA")
    put(feeds_dir, {"west": hospa})
    await once()
    await send(1)
    put(feeds_dir, {"west": hospa + "mode: shadow\n"})
    await once()
    await once()
    await send(2)

    found = await service.pool.fetch(
        "SELECT number, live, feed FROM admissions.visit JOIN admissions.visit_root USING (root_id, feed) ORDER BY 1"
    )
    assert [tuple(row) for row in found] == [("V1", True, "west"), ("V2", False, "west")]
    assert [(line["feed"], line["mode"], len(line["version"])) for line in lines] == [
        ("west", "live", 12),
        ("west", "shadow", 12),
    ]


@pytest.mark.postgres
async def test_the_service_looks_by_itself(feeds_dir: Path, service: Service):
    """Given admissions as it is built and a new profile; then its loops take it: the feed's counters stand at 0."""
    put(feeds_dir, {"west": WEST})
    wanted = b'baton_adt_messages_received_total{feed="west"} 0.0'
    assert wanted not in service.registry.exposition()

    async with asyncio.TaskGroup() as running:
        loops = [running.create_task(loop(service)) for loop in service.loops if "_reload" in repr(loop)]
        assert loops
        while wanted not in service.registry.exposition():
            await asyncio.sleep(0.05)
        for loop in loops:
            loop.cancel()


@pytest.mark.postgres
async def test_a_refused_profile_is_told_once_and_keeps_nobody_from_being_ready(
    feeds_dir: Path, service: Service
):
    """Given a profile that becomes wrong; then log, /readyz and metric say so, until it is mended."""
    put(feeds_dir, {"west": WEST})
    reload = Reload(feeds_dir)
    service.readiness.add_note("feeds", reload.readiness)
    once = partial(reload.once, service, lambda _: None)
    put(feeds_dir, {"west": WRONG})

    with capture_logs() as logs:
        await once()
        await once()

    assert [(line["log_level"], line["reason"]) for line in logs] == [
        ("error", "west.yaml, line 3: zone is no IANA time zone; write one such as America/New_York.")
    ]
    assert "stays in force" in str((await service.readiness.notes())["feeds"])
    assert "feeds" not in await service.readiness.answers()
    assert b"baton_feed_profile_refused 1.0" in service.registry.exposition()

    put(feeds_dir, {"west": WEST})
    await once()

    assert (await service.readiness.notes())["feeds"] is None
    assert b"baton_feed_profile_refused 0.0" in service.registry.exposition()
