"""users.yaml, its passwords and the role matrix: what is good, and what is wrong in which line."""

import io
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from baton.cli import main
from services.worklist.access import passwords, users
from services.worklist.access.passwords import PasswordError
from services.worklist.access.roles import PERMISSIONS, Permission, Role, User, reasons_shown
from services.worklist.access.users import UsersError
from tests.worklist.access.stand import HASH, PASSWORD, USERS

WEAK = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash("x")
OTHER_KIND = PasswordHasher(type=Type.I).hash("x")
ENDLESS = HASH.replace("t=2", "t=4000")


def test_a_good_file_is_read() -> None:
    """Given users and groups, when the file is read, then each has roles and teams."""
    found = users.parse(USERS.encode())

    assert found.user("rn1") == User("file:rn1", "rn1", frozenset({Role.COORDINATOR}), ("tcm",))
    assert found.user("nobody") is None
    assert found.of_groups("iss n-1", "nora", frozenset({"nurses", "x"})) == User(
        "iss n-1", "nora", frozenset({Role.COORDINATOR}), ("tcm",)
    )
    assert found.of_groups("iss n-1", "nora", frozenset({"x"})) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("users: [", "users.yaml, line 1: this is not YAML"),
        ("- rn1", "users.yaml: holds no keys"),
        ("user: {}", "users.yaml, line 1: user is not known here"),
        ("users:\n  rn1: {roles: [coordinator]}", "users.yaml, line 2: users.rn1.password is missing"),
        (f'users:\n  rn1:\n    password: "{HASH}"', "users.yaml, line 2: users.rn1.roles is missing"),
        (f'users:\n  rn1: {{password: "{HASH}", roles: []}}', "line 2: users.rn1.roles is empty"),
        (f'users:\n  rn1: {{password: "{HASH}", roles: coordinator}}', "users.rn1.roles wants a list"),
        (
            f'users:\n  rn1:\n    password: "{HASH}"\n    roles:\n      - chief',
            "users.yaml, line 5: users.rn1.roles is no role; the roles are coordinator, supervisor, operator, sensitive, wall",
        ),
        ("users:\n  rn1: {password: hunter2, roles: [operator]}", "users.rn1.password is no argon2 hash"),
        (f'users:\n  rn1: {{password: "{WEAK}", roles: [operator]}}', "is weaker than argon2id"),
        (f'users:\n  rn1: {{password: "{OTHER_KIND}", roles: [operator]}}', "is weaker than argon2id"),
        (f'users:\n  rn1: {{password: "{ENDLESS}", roles: [operator]}}', "takes too long to compare"),
        (f'users:\n  "R N": {{password: "{HASH}", roles: [operator]}}', "users.R N will not do as a name"),
        (USERS + "  nurses: {roles: [operator]}\n", "groups.nurses stands twice"),
        ("users:\n  rn1: {password: 12345, roles: [operator]}", "users.rn1.password wants text"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_without_the_password(text: str, said: str) -> None:
    """Given a faulty file, when it is read, then a sentence names line, key and remedy, and no password or hash."""
    with pytest.raises(UsersError) as raised:
        users.parse(text.encode())

    assert said in str(raised.value)
    assert not any(secret in str(raised.value) for secret in ("hunter2", "12345", "$argon2", HASH[-20:]))


def test_every_fault_is_told_at_once() -> None:
    """Given three faults, when the file is read, then there are three lines, in their order."""
    text = "users:\n  rn1: {roles: [chief]}\n  rn2: {password: x, roles: [operator]}\n"

    with pytest.raises(UsersError) as raised:
        users.parse(text.encode())

    assert [line.partition(":")[0] for line in str(raised.value).splitlines()] == [
        "users.yaml, line 2", "users.yaml, line 2", "users.yaml, line 3",
    ]  # fmt: skip


def test_a_password_fits_its_hash_however_it_was_typed() -> None:
    """Given one password in two Unicode forms, when it is compared, then it fits; another, or an endless one, does not."""
    stored = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1).hash(
        "Kr\u00e4henfu\u00df im Fr\u00fchling"
    )

    assert passwords.fits("Kra\u0308henfu\u00df im Fru\u0308hling", stored)
    assert not passwords.fits("another", stored)
    assert not passwords.fits(PASSWORD + "x" * 2000, HASH)
    assert not passwords.fits(PASSWORD, "no hash at all")


@pytest.mark.parametrize("password", ["short", "x" * 14, "x" * 1025, ""])
def test_a_password_too_short_or_too_long_is_not_hashed(password: str) -> None:
    """Given a password under 15 characters or over 1024, when it is hashed, then a sentence says what will do."""
    with pytest.raises(PasswordError, match="15 to 1024"):
        passwords.make_hash(password)


def test_nobodys_hash_costs_what_most_hashes_cost() -> None:
    """Given a file of hashes, when a name is in none, then the hash to compare with has their parameters and fits nothing."""
    nobody = users.parse(USERS.encode()).nobody

    assert nobody.rsplit("$", 2)[0] == HASH.rsplit("$", 2)[0]
    assert not passwords.fits(PASSWORD, nobody)


MATRIX = """
                coordinator supervisor operator sensitive wall
see_patients    x           x          .        .         .
see_sensitive   .           .          .        x         .
act             x           x          .        .         .
waive           .           x          .        .         .
withdraw_any    .           x          .        .         .
release_any     .           x          .        .         .
export          .           x          .        .         .
see_board       x           x          .        .         x
see_operations  .           x          x        .         .
"""


def test_who_may_what() -> None:
    """Given the table, when every role is asked for every permission, then the data says the same; roles add up."""
    head, *lines = [line.split() for line in MATRIX.strip().splitlines()]

    for permission, *marks in lines:
        for role, mark in zip(head, marks, strict=True):
            user = User("x", "x", frozenset({Role(role)}))
            assert user.may(Permission(permission)) is (mark == "x"), (role, permission)

    assert {line[0] for line in lines} == set(Permission)
    assert set(head) == set(PERMISSIONS)
    assert User("x", "x", frozenset({Role.COORDINATOR, Role.SENSITIVE})).may(Permission.SEE_SENSITIVE)


@pytest.mark.parametrize(
    ("roles", "shown"),
    [
        ({Role.COORDINATOR}, ["hosp_2plus", "clinical criteria met", "ltc"]),
        ({Role.SUPERVISOR}, ["hosp_2plus", "clinical criteria met", "ltc"]),
        ({Role.COORDINATOR, Role.SENSITIVE}, ["hosp_2plus", "sud", "smi", "ltc"]),
    ],
)
def test_a_sensitive_reason_reads_as_clinical_criteria(roles: set[Role], shown: list[str]) -> None:
    """Given substance use and mental illness among reasons, when no role lets them be seen, then neither is told from the other."""
    user = User("x", "x", frozenset(roles))

    assert reasons_shown(user, ["hosp_2plus", "sud", "smi", "ltc"], {"sud", "smi"}) == shown


# --- the command --------------------------------------------------------------------------------------------


def run(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], typed: str = ""
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    code = main(["users", *line.split()])
    return code, *capsys.readouterr()


def test_hash_reads_stdin_and_prints_a_hash_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a password on stdin, when it is hashed, then stdout has its hash and nothing else; too short ends with 1."""
    code, out, err = run("hash", monkeypatch, capsys, f"{PASSWORD}\n")
    short = run("hash", monkeypatch, capsys, "short\n")

    assert (code, err) == (0, "")
    assert passwords.fits(PASSWORD, out.strip())
    assert (short[0], short[1]) == (1, "")


def test_no_password_is_taken_as_an_argument(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a password on the command line, when it is run, then it ends with 2."""
    with pytest.raises(SystemExit) as ended:
        run("hash secret", monkeypatch, capsys)

    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("text", "line", "typed", "code", "said"),
    [
        (USERS, "check", "", 0, "4 users and 1 groups, all good"),
        ("users: {x: 1}", "check", "", 1, "users.yaml, line 1: users.x wants keys"),
        (USERS, "check rn1", PASSWORD, 0, "The password fits"),
        (USERS, "check rn1", "wrong", 1, "does not fit"),
        (USERS, "check rn9", PASSWORD, 1, "does not fit, or users.yaml has no such user"),
        (None, "check", "", 2, "There is no users.yaml"),
    ],
)
def test_check_says_what_is_wrong(
    text: str | None, line: str, typed: str, code: int, said: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Given a users.yaml, when it or a password is checked, then the exit code and a sentence tell."""
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))
    if text is not None:
        (tmp_path / "users.yaml").write_text(text)

    ended, out, err = run(line, monkeypatch, capsys, typed)

    assert (ended, said in out + err) == (code, True), out + err
