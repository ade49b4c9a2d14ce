"""compose.yaml: valid, closed to the outside, and naming only what the program has."""

import base64
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from jsonschema import Draft202012Validator

from baton.cli import parser
from baton.run import APPS
from services.admissions.mllp.settings import Settings as Mllp
from services.admissions.settings import Settings as Admissions
from services.auditor.settings import Settings as Auditor
from services.chassis.settings import variable
from services.notifications.settings import Settings as Notifications
from services.transitions.settings import Settings as Transitions
from services.worklist.settings import Settings as Worklist
from tests.deploy import compose

SETTINGS = {
    variable(cls, field)
    for cls in (Admissions, Mllp, Transitions, Notifications, Worklist, Auditor)
    for field in cls.model_fields
}
# Named by contacts.yaml, not by a setting.
SECRETS = {"BATON_PAGER_SECRET", "BATON_MAIL_USER", "BATON_MAIL_PASSWORD"}
ROLE = {
    "admissions": "baton_admissions",
    "mllp": "baton_admissions",
    "transitions": "baton_transitions",
    "deadlines": "baton_transitions",
    "notifications": "baton_notifications",
    "worklist": "baton_worklist",
    "auditor": "baton_auditor",
    "migrate": "baton_migrator",
    "topics": "baton_migrator",
    "baton": "baton_migrator",
}


def test_the_file_is_what_the_compose_specification_allows() -> None:
    """compose.yaml, with deploy/env.example put in, has no error under the specification's own JSON schema."""
    schema = json.loads(Path(__file__).with_name("compose-spec.json").read_text("utf-8"))
    errors = [
        f"{'.'.join(map(str, e.path))}: {e.message}"
        for e in Draft202012Validator(schema).iter_errors(compose.project())
    ]

    assert errors == []


def test_every_process_has_its_service_and_no_service_another_one() -> None:
    """The services that run a process run each process that `baton run` knows, under its own name."""
    named = {
        name: service["command"]
        for name, service in compose.ours().items()
        if "run" in service.get("command", [])
    }

    assert named == {name: ["run", name] for name in APPS}


def test_the_steps_are_commands_that_exist() -> None:
    """What the other services of our image are told to do, the command line understands."""
    commands = [service["command"] for service in compose.ours().values() if "command" in service]

    for command in commands:
        assert callable(parser().parse_args(command).run)


@pytest.mark.parametrize("name", sorted(compose.ours()))
def test_a_service_sets_what_is_a_setting_and_nothing_else(name: str) -> None:
    """Each variable of a service of our image is a setting of the program, or a secret that contacts.yaml names."""
    assert compose.ours()[name]["environment"].keys() - SECRETS <= SETTINGS


@pytest.mark.parametrize("name", sorted(compose.ours()))
def test_a_service_uses_the_role_that_is_its_own(name: str) -> None:
    """Who connects to Postgres is the role that postgres/roles.sql made for it."""
    roles = (compose.ROOT / "deploy" / "postgres" / "roles.sql").read_text("utf-8")
    address = urlsplit(compose.ours()[name]["environment"]["DATABASE_URL"])

    assert address.username == ROLE[name]
    assert f"CREATE ROLE {address.username} LOGIN" in roles
    assert (address.hostname, address.port, address.path) == ("postgres", 5432, "/baton")


@pytest.mark.parametrize("name", sorted(compose.ours()))
def test_a_container_of_ours_may_do_next_to_nothing(name: str) -> None:
    """It writes nowhere but in a small /tmp, has no capability, gains no privilege, and has limits."""
    service = compose.ours()[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit", "logging"} <= service.keys()
    assert not {"privileged", "cap_add", "user"} & service.keys()
    # Messages come in by one door, and people by another; the rest is for Prometheus, inside.
    assert ("ports" in service) == (name in {"mllp", "worklist"})


@pytest.mark.parametrize("name", sorted(compose.services()))
def test_every_service_has_limits_and_gains_no_privilege(name: str) -> None:
    """Memory is limited, logs are rotated, and what stays is restarted and has a health check."""
    service = compose.services()[name]
    stays = service.get("restart") == "unless-stopped"
    image_checks = service["image"] == "baton:local" and not service.get("healthcheck", {}).get("disable")

    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "logging"} <= service.keys()
    assert "test" in service.get("healthcheck", {}) or image_checks or not stays
    assert stays or name in {"migrate", "grants", "topics", "baton"}


def test_nothing_listens_beyond_this_machine() -> None:
    """Every published port is bound to loopback."""
    ports = [port for service in compose.services().values() for port in service.get("ports", [])]

    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_what_a_service_waits_for_is_there_and_can_happen() -> None:
    """A service waits only for services of the file; for health of what checks it, for the end of what ends."""
    known = compose.services()
    for service in known.values():
        for name, how in service.get("depends_on", {}).items():
            ends = known[name].get("restart") != "unless-stopped"
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy")


def test_the_files_it_mounts_are_in_the_repository() -> None:
    """What a service shows to its container from the repository exists."""
    mounts = [mount for service in compose.services().values() for mount in service.get("volumes", [])]
    sources = [mount.split(":")[0] for mount in mounts if mount.startswith(".")]

    assert len(sources) > 5
    assert [source for source in sources if not (compose.ROOT / source).exists()] == []


def test_no_secret_is_in_the_file_and_each_is_asked_for() -> None:
    """A variable that holds a secret has no default, and a sentence for whoever has not set it; contacts may be none."""
    secret = {name for name in compose.variables() if name.endswith("_PASSWORD")} - SECRETS

    assert len(secret) == 8
    for name in secret:
        default, complaint = compose.variables()[name]
        assert default is None
        assert complaint == "is not set; make .env with sh deploy/make-env"


def test_the_example_says_every_variable_and_no_other() -> None:
    """deploy/env.example sets exactly what compose.yaml asks for, and its defaults are those of compose.yaml."""
    asked = compose.variables()
    example = compose.example()

    assert example.keys() == asked.keys()
    for name, (default, _) in asked.items():
        assert example[name] in {default or "", "change-me"}


def test_make_env_makes_a_fresh_secret_for_each(tmp_path: Path) -> None:
    """It writes .env, for its owner only, with seven different secrets that may stand in an address; never twice."""
    (tmp_path / "deploy").mkdir()
    for name in ("make-env", "env.example"):
        (tmp_path / "deploy" / name).write_bytes((compose.ROOT / "deploy" / name).read_bytes())
    command = ["sh", str(tmp_path / "deploy" / "make-env")]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    written = (tmp_path / ".env").read_text("utf-8")
    again = subprocess.run(command, check=False, capture_output=True, timeout=30)

    secrets = re.findall(r"^\w+_PASSWORD=([0-9a-f]{48})$", written, re.MULTILINE)
    assert len(set(secrets)) == 8
    assert re.sub(r"[0-9a-f]{48}", "change-me", written) == compose.EXAMPLE.read_text("utf-8")
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    assert again.returncode == 1
    assert (tmp_path / ".env").read_text("utf-8") == written


def test_the_broker_has_an_id_that_kafka_takes() -> None:
    """The id of the cluster is 16 bytes in url-safe base64, and topics are never made by mistake."""
    kafka = compose.services()["kafka"]["environment"]

    assert len(base64.urlsafe_b64decode(f"{kafka['CLUSTER_ID']}==")) == 16
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
