"""docs/metrics.md and docs/settings.md name everything there is: every metric a process serves, every variable it reads."""

import re
from pathlib import Path

import pytest

from baton.run import APPS
from deploy import catalogue
from services.admissions import consumer as admissions
from services.chassis import metrics
from services.transitions import consumer as transitions

VARIABLE = re.compile(r"""["'](BATON_[A-Z_]+|DATABASE_URL|KAFKA_[A-Z_]+)["']""")
CODE = re.compile(r'(?:Rejection|Refusal)\(\s*"(\w+)"')


def source(folder: str) -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in (catalogue.ROOT / folder).rglob("*.py")}


@pytest.mark.parametrize("page", catalogue.pages(), ids=lambda path: path.name)
def test_a_page_is_current(page: Path) -> None:
    """What is committed is what `python -m deploy.catalogue` writes."""
    assert page.read_text("utf-8") == catalogue.pages()[page]


def test_every_metric_is_on_its_page() -> None:
    """Given every module of the services, then each metric that any of them declares is on the page, once."""
    page = catalogue.metrics_page()
    [*catalogue.every_module()]
    ours = [metric.name for metric in metrics.catalogue() if not metric.name.startswith("baton_test_")]

    assert len(ours) > 25
    assert [name for name in ours if page.count(f"| `{name}` |") != 1] == []


def test_every_setting_says_what_it_means() -> None:
    """Given the settings of every process, then each has a sentence, and its variable is on the page."""
    page = catalogue.settings_page()
    fields = {
        catalogue.variable(cls, name): field.description
        for cls in map(catalogue.settings_of, APPS)
        for name, field in cls.model_fields.items()
    }

    assert [name for name, said in fields.items() if not said] == []
    assert [name for name in fields if f"| `{name}` |" not in page] == []


def test_every_variable_that_the_code_names_is_on_the_page() -> None:
    """Given every name of a variable in the code, then the page has it."""
    page = catalogue.settings_page()
    named = {
        name
        for folder in ("baton", "services")
        for text in source(folder).values()
        for name in VARIABLE.findall(text)
    }

    assert "BATON_HOME" in named
    # The first part of the names, by which others are told from ours.
    assert sorted(name for name in named - {"BATON_", "KAFKA_"} if f"`{name}`" not in page) == []


def test_a_page_that_is_not_current_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given another metric than those on the page, when it is checked, then it fails, and says which page and what to do."""
    monkeypatch.setattr("sys.argv", ["catalogue", "--check"])
    assert catalogue.main() == 0

    changed = {
        path: f"{text}\n" if path.name == "metrics.md" else text for path, text in catalogue.pages().items()
    }
    monkeypatch.setattr(catalogue, "pages", lambda: changed)
    assert catalogue.main() == 1
    assert capsys.readouterr().err == (
        "docs/metrics.md is not what the code says today; `python -m deploy.catalogue` writes it anew.\n"
    )


@pytest.mark.parametrize(
    ("folder", "known"),
    [("services/admissions", admissions.CODES), ("services/transitions", transitions.CODES)],
)
def test_every_code_of_a_refusal_is_counted_from_the_start(folder: str, known: tuple[str, ...]) -> None:
    """Given the code words in the source, then the counter of refusals knows each beforehand."""
    written = {code for text in source(folder).values() for code in CODE.findall(text)}

    assert written
    assert written <= set(known)
