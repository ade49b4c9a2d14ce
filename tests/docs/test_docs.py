"""What the documentation names exists, and what it says to type works."""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from baton.cli import parser
from schemas import topics
from services.admissions.domain.feed import FeedProfile
from services.notifications.domain.model import DUE_SOON, LATE_KNOWN, MISSED, READMISSION_DETECTED
from services.transitions.domain.notices import DECLINED, RED_FLAG
from services.transitions.domain.protocol import Protocol
from services.transitions.protocol import load_protocol
from tests.infra import nursery

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
SETTING = re.compile(r"\b(?:BATON|KAFKA|GRAFANA|POSTGRES)_[A-Z_]+[A-Z]\b")
METRIC = re.compile(r"\bbaton_[a-z_]+(?:_total|_seconds|[a-z])\b")
A_FILE = re.compile(r"(?:[\w.-]+/)+[\w.-]+\.(?:py|sql|ya?ml|md|hl7|jsonl|json)|(?:[\w.-]+/){1,}")
ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (.+)$", re.MULTILINE)
TRIED = "# try\n"


def _text(page: Path) -> str:
    return page.read_text("utf-8")


def _named(pattern: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in sorted(set(pattern.findall(_text(page)))):
            yield str(page.relative_to(ROOT)), found


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_every_relative_link_leads_somewhere() -> None:
    """A link names a file or folder that is there, and a heading in it."""
    lost = []
    for page in PAGES:
        for link in LINK.findall(_text(page)):
            if "://" in link:
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path) if path else page
            headings = (
                [_anchor(line.lstrip("#")) for line in _text(target).splitlines() if line.startswith("#")]
                if anchor and target.is_file()
                else [anchor]
            )
            if not target.exists() or anchor not in headings:
                lost.append(f"{page.relative_to(ROOT)}: {link}")

    assert lost == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_every_page_can_be_reached_from_the_readme(page: Path) -> None:
    """Nobody has to list a folder to find a page."""
    assert f"](docs/{page.name})" in _text(ROOT / "README.md")


def test_every_decision_is_listed() -> None:
    """The list of decisions names each, under its own title."""
    listed = _text(ROOT / "docs/decisions/README.md")
    missing = []
    for page in sorted((ROOT / "docs/decisions").glob("0*.md")):
        number, title = re.fullmatch(r"# (\d+)\. (.+)", _text(page).splitlines()[0]).groups()  # type: ignore[union-attr]
        if f"{number}. [{title}]({page.name})" not in listed:
            missing.append(page.name)

    assert missing == []


@cache
def _commands() -> frozenset[tuple[str, ...]]:
    """Every command and its sub-commands, as words."""
    found: set[tuple[str, ...]] = set()

    def walk(tree: object, words: tuple[str, ...]) -> None:
        for action in getattr(tree, "_actions", ()):
            choices = action.choices if isinstance(getattr(action, "choices", None), dict) else {}
            for name, child in choices.items():
                found.add((*words, name))
                walk(child, (*words, name))

    walk(parser(), ())
    return frozenset(found)


def test_every_command_named_is_there() -> None:
    """`baton WORD` in a page is a command, its second word a sub-command where it has such, its options are its own."""
    wrong = []
    for page in PAGES:
        text = _text(page)
        said = [
            *INLINE.findall(FENCE.sub("", text)),
            *(line for _, b in FENCE.findall(text) for line in b.splitlines()),
        ]
        for line in said:
            if found := re.match(
                r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:docker compose run --rm (?:-T )?)?baton ([a-z].*)", line
            ):
                wrong += [
                    f"{page.relative_to(ROOT)}: {line}: {why}" for why in _faults(found[1].split("#")[0])
                ]

    assert wrong == []


def _faults(line: str) -> Iterator[str]:
    words = re.split(r"[\s|`]+", line.strip())
    commands = _commands()
    if (words[0],) not in commands:
        yield f"there is no {words[0]}"
        return
    path: tuple[str, ...] = (words[0],)
    subs = {one[1] for one in commands if len(one) == 2 and one[0] == words[0]}
    if subs and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
        if words[1] not in subs:
            yield f"{words[0]} has no {words[1]}"
            return
        path = (words[0], words[1])
    options = _options(path)
    for word in words:
        if word.startswith("--") and word.split("=")[0].rstrip(".,;") not in options:
            yield f"there is no option {word}"


def _options(path: tuple[str, ...]) -> set[str]:
    tree = parser()
    for word in path:
        tree = next(a.choices[word] for a in tree._actions if isinstance(getattr(a, "choices", None), dict))  # type: ignore[index]
    return {option for action in tree._actions for option in action.option_strings}


@cache
def _code() -> str:
    """All that defines settings: code, compose.yaml, and what stands beside it."""
    folders = [ROOT / name for name in ("baton", "services", "deploy", "tests", "scripts")]
    files = [
        path for folder in folders for path in folder.rglob("*") if path.suffix in {".py", ".sql", ".example"}
    ]
    return "\n".join(_text(path) for path in [*files, ROOT / "compose.yaml", ROOT / "Makefile"])


def _settings() -> set[str]:
    """The environment variables of every process."""
    asked = (
        "from baton.run import APPS\nfrom importlib import import_module\nfrom typing import get_type_hints\n"
    )
    asked += "from services.chassis.settings import variable\nfor app in APPS.values():\n"
    asked += (
        "    m, _, f = app.partition(':')\n    s = get_type_hints(getattr(import_module(m), f))['settings']\n"
    )
    asked += "    print(*(variable(s, name) for name in s.model_fields))\n"
    told = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(told.stdout.split())


def test_every_setting_named_is_one() -> None:
    """A variable in a page is a process's setting, or stands in the code or the files beside compose.yaml."""
    known = _settings()
    wrong = [(page, name) for page, name in _named(SETTING) if name not in known and name not in _code()]

    assert wrong == []


def test_every_metric_named_is_in_the_catalogue() -> None:
    """A metric in a page is one of docs/metrics.md, which is written from the code. Roles of Postgres are called alike."""
    known = set(METRIC.findall(_text(ROOT / "docs/metrics.md")))
    roles = set(METRIC.findall(_text(ROOT / "deploy/postgres/roles.sql")))
    wrong = [(page, name) for page, name in _named(METRIC) if name not in known | roles]

    assert {"baton_mark_age_seconds", "baton_loop_stalled"} <= known
    assert wrong == []


def test_every_topic_named_is_one() -> None:
    """A dotted name of ours in a page is a topic."""
    known = {topic.name for topic in topics.TOPICS}
    wrong = [
        (page, name) for page, name in _named(re.compile(r"`((?:adt|care)\.[a-z]+)`")) if name not in known
    ]

    assert wrong == []


def test_every_file_named_is_there() -> None:
    """A path in code style is a file or folder of this repository, from its root or beside the page."""
    ours = {path.name for path in ROOT.iterdir()} | {path.name for path in (ROOT / "deploy").iterdir()}
    wrong = []
    for page in PAGES:
        for said in INLINE.findall(FENCE.sub("", _text(page))):
            if A_FILE.fullmatch(said) and said.split("/")[0] in ours and not said.endswith("/x.py"):
                beside = [ROOT / said, page.parent / said, ROOT / "deploy" / said]
                if not any(path.exists() for path in beside):
                    wrong.append(f"{page.relative_to(ROOT)}: {said}")

    assert wrong == []


def _examples() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for language, block in FENCE.findall(_text(page)):
            if language == "sh" and block.startswith(TRIED):
                for line in block.removeprefix(TRIED).splitlines():
                    yield str(page.relative_to(ROOT)), line


@pytest.mark.parametrize(("page", "line"), sorted(set(_examples())))
def test_what_a_page_says_to_try_works(page: str, line: str) -> None:
    """A line under `# try` ends well, says something, and no message in it is refused."""
    words = shlex.split(line)
    assert words[0] == "baton", f"{page}: {line}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "KAFKA_"))}
    done = nursery.baton(*words[1:], env=clean, cwd=ROOT)

    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert '"error":' not in done.stdout


def test_every_yaml_shown_is_a_feed_profile() -> None:
    """What connect-a-feed.md shows as a profile is taken as one."""
    shown = [
        block
        for language, block in FENCE.findall(_text(ROOT / "docs/connect-a-feed.md"))
        if language == "yaml"
    ]

    assert shown
    for block in shown:
        FeedProfile.model_validate(yaml.safe_load(block))


def _rows(page: str) -> dict[str, str]:
    """The rows of a page's tables, by the word in code style that each begins with."""
    return dict(ROW.findall(_text(ROOT / page)))


def test_every_key_of_a_feed_profile_is_explained_with_its_default() -> None:
    """docs/connect-a-feed.md has a row for each key, and none for a key that is gone."""
    page = _text(ROOT / "docs/connect-a-feed.md")
    rows = dict(ROW.findall(page[page.index("| key | default |") :].split("\n\n")[0]))
    profile = FeedProfile(feed="x")

    assert rows.keys() == FeedProfile.model_fields.keys()
    for name, row in rows.items():
        default = getattr(profile, name)
        if isinstance(default, bool):
            assert row.startswith(f"`{str(default).lower()}` |"), name
        elif isinstance(default, str) and name != "feed":
            assert row.startswith(f"`{default}` |"), name


def _codes(folder: str, made_by: str) -> set[str]:
    """The first arguments of every call of `made_by` in a folder."""
    found = set()
    for path in (ROOT / "services" / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(_text(path))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == made_by:
                code = node.args[0]
                assert isinstance(code, ast.Constant), f"{path}: the code of a refusal is not written out"
                found.add(str(code.value))
    return found


def test_every_code_of_a_refusal_is_explained() -> None:
    """docs/connect-a-feed.md says of each code what it means and what to do; no code in it is gone."""
    messages, actions = _codes("admissions", "Rejection"), _codes("transitions", "Refusal")
    page = _text(ROOT / "docs/connect-a-feed.md").split("## What is refused")[1].split("\n## ")[0]
    told = set(re.findall(r"^\| `([a-z0-9_]+)` \|", page, re.MULTILINE))

    assert {"not_hl7", "no_patient_identifier"} <= messages
    assert "unknown_type" in actions
    assert told == messages | actions


def _alert_kinds() -> set[str]:
    kinds = {READMISSION_DETECTED, LATE_KNOWN, RED_FLAG, DECLINED}
    for name in ("transitions-of-care", "demo"):
        protocol: Protocol = load_protocol(name)
        for opening in [*protocol.dispositions.values(), protocol.transfer]:
            for rule in opening.deadlines if opening is not None else ():
                kinds |= {rule.kind + MISSED} | ({rule.kind + DUE_SOON} if rule.warnings else set())
    return kinds


def test_every_kind_of_alert_is_explained() -> None:
    """docs/alerts.md says of each alert of the shipped protocols when it comes, when it goes and what to do."""
    rows = _rows("docs/alerts.md")

    assert rows.keys() == _alert_kinds()
    assert all(len(row.split("|")) == 5 for row in rows.values())


def test_every_loop_of_readiness_is_named() -> None:
    """docs/run-it.md names what /readyz may say."""
    page = _text(ROOT / "docs/run-it.md")
    for check in ("started", "postgres", "kafka", "visits readable", "applied mark", "channels"):
        assert f"`{check}`" in page
        assert f'"{check}"' in _code()
