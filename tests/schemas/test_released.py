"""What was released is kept, stays readable, and is not changed under the same version."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from baton.cli import main
from schemas import export, released
from schemas.published import PUBLISHED

Edit = Callable[[str, Callable[[dict[str, Any]], Any]], None]
OWN = "alert.v1.schema.json"
FOREIGN = "action.v1.schema.json"
RELEASED = "0.1.0"


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is committed, on the day of its own release, the first one ever."""
    monkeypatch.setattr(released, "today", lambda: RELEASED)
    apart = shutil.ignore_patterns("*.py", "__pycache__", released.FOLDER)
    shutil.copytree(export.FOLDER, tmp_path / "schemas", ignore=apart)
    released.release(tmp_path / "schemas")
    return tmp_path / "schemas"


@pytest.fixture
def edit(copy: Path) -> Edit:
    """Change what was released: as if today's message were the changed one, the other way round."""

    def change(name: str, how: Callable[[dict[str, Any]], Any]) -> None:
        path = copy / released.FOLDER / RELEASED / "jsonschema" / name
        said = json.loads(path.read_text("utf-8"))
        how(said)
        path.write_text(json.dumps(said), "utf-8")

    return change


def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(released, "today", lambda: "99.0.0")


def test_today_fits_every_released_version() -> None:
    """What is committed passes."""
    assert released.check(export.FOLDER) == []


@pytest.mark.parametrize(
    ("name", "how", "sentence"),
    [
        (OWN, lambda said: said["properties"].update(ward={"type": "string"}),
         ("alert: ward is gone since 0.1.0. Keep it, beside what replaces it; or raise the version of alert in "
         "schemas/published.py and read both.")),
        (OWN, lambda said: said["required"].remove("team"),
         ("alert: team must now be there since 0.1.0. Give it a default: older records may lack it; or raise the "
         "version of alert in schemas/published.py and read both.")),
        (OWN, lambda said: said["$defs"]["AlertStatus"]["enum"].remove("retracted"),
         ("alert: status may now be retracted since 0.1.0. Put it into a new field: older readers refuse the word; or "
         "raise the version of alert in schemas/published.py and read both.")),
        (FOREIGN, lambda said: said["$defs"]["ItemTaken"]["properties"].update(until={"type": "string"}),
         ("action: [item_taken].until is gone since 0.1.0. Keep it, beside what replaces it; or raise the version of "
         "action in schemas/published.py and read both.")),
    ],
)  # fmt: skip
def test_a_breaking_change_is_refused(
    copy: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch, name: str, how: Any, sentence: str
) -> None:
    """Given a released field, requirement or word that today's message has not, then the sentence says which message
    and field, since when, and what to do; also where the version of Baton was raised.
    """
    edit(name, how)
    assert released.check(copy) == [sentence]

    later(monkeypatch)
    assert released.check(copy) == [sentence]


def test_others_may_be_offered_more(copy: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a new word in what others write and Baton reads, then a new version may bring it."""
    later(monkeypatch)
    edit(
        FOREIGN,
        lambda said: said["$defs"]["ComplexityAssessed"]["properties"]["complexity"]["enum"].remove("high"),
    )

    assert released.check(copy) == []


def test_a_compatible_change_wants_a_new_version(
    copy: Path, edit: Edit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a new field that may be left out, then it is refused under the released version, and not under the next."""
    edit(OWN, lambda said: said["properties"].pop("unit"))
    assert released.check(copy) == [
        (
            "alert: its schema is not the one that was released as 0.1.0. Raise the version in pyproject.toml, then "
            "`make setup`."
        )
    ]

    later(monkeypatch)
    assert released.check(copy) == []


def test_another_sentence_is_no_change(copy: Path, edit: Edit) -> None:
    """Given another description, then nothing has changed."""
    edit(OWN, lambda said: said.update(description="Said better."))

    assert released.check(copy) == []


def test_an_example_that_today_s_model_refuses_is_named(copy: Path) -> None:
    """Given a record of a released version with a word of then, then file, field and remedy are told, and no value."""
    path = copy / released.FOLDER / RELEASED / "examples/alert/missed_call_firing.json"
    path.write_text(path.read_text("utf-8").replace('"firing"', '"ringing"'), "utf-8")
    [problem] = released.check(copy)

    assert problem.startswith(
        "schemas/released/0.1.0/examples/alert/missed_call_firing.json: today's model refuses what 0.1.0 wrote at status"
    )
    assert problem.endswith("Read the old form beside the new one.")
    assert "ringing" not in problem


def test_a_message_that_is_gone_is_named(copy: Path, edit: Edit) -> None:
    """Given a message that was released and is no more, then that is said."""
    folder = copy / released.FOLDER / RELEASED / "jsonschema"
    (folder / OWN).rename(folder / "page.v1.schema.json")

    assert "there is no message page any more" in released.check(copy)[0]


def test_a_release_keeps_everything_once(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given a new version, when it is released, then every schema and example is kept, and a second time changes nothing;
    with other examples the same version is refused.
    """
    assert released.release(copy) == []
    later(monkeypatch)
    written = released.release(copy)

    assert {name for name in written if "/jsonschema/" in name} == {
        f"released/99.0.0/{message.file}" for message in PUBLISHED
    }
    assert released.check(copy) == []
    assert released.release(copy) == []
    (copy / "examples/alert/another.json").write_text("{}", "utf-8")
    with pytest.raises(released.AlreadyReleased, match="raise the version in pyproject"):
        released.release(copy)


def test_the_command_says_so(
    copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`baton schemas release` names what it keeps; a second time it changes nothing, and ends with 0 as well."""
    monkeypatch.setattr(export, "FOLDER", copy)
    later(monkeypatch)
    assert main(["schemas", "release"]) == 0
    assert "schemas/released/99.0.0/jsonschema/alert.v1.schema.json" in capsys.readouterr().out
    assert main(["schemas", "release"]) == 0
    assert capsys.readouterr().err == "It is released already, just so.\n"
