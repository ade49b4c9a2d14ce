"""Settings from the environment, refused with one sentence each when they are wrong."""

import re
import ssl
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, FilePath, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableSetting

PREFIX = "BATON_"
MIB = 1024 * 1024
SECURITY = (
    "kafka_ssl_ca_file", "kafka_ssl_certificate_file", "kafka_ssl_key_file", "kafka_ssl_key_password",
    "kafka_sasl_username", "kafka_sasl_password",
)  # fmt: skip
"""Fields that only say something where Kafka is spoken to over TLS or with a password."""

S = TypeVar("S", bound=BaseSettings)


class SettingsError(Exception):
    """The settings are not right; each problem is a sentence that names the variable and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def _database_url(value: str) -> str:
    if urlsplit(value).scheme not in {"postgresql", "postgres"}:
        raise ValueError("should begin with postgresql://")
    return value


def _servers(value: str) -> str:
    for server in value.split(","):
        host, colon, port = server.strip().rpartition(":")
        if not (host and colon and port.isascii() and port.isdigit()):
            raise ValueError("should be HOST:PORT, or several separated by commas")
    return value


def _security_problem(said: "ServiceSettings") -> str | None:
    """What in the settings of Kafka's security cannot be meant: a secret that would not be used is a mistake."""
    protocol = f"BATON_KAFKA_SECURITY_PROTOCOL is {said.kafka_security_protocol}"
    files = {
        "BATON_KAFKA_SSL_CA_FILE": said.kafka_ssl_ca_file,
        "BATON_KAFKA_SSL_CERTIFICATE_FILE": said.kafka_ssl_certificate_file,
        "BATON_KAFKA_SSL_KEY_FILE": said.kafka_ssl_key_file,
    }
    login = {
        "BATON_KAFKA_SASL_USERNAME": said.kafka_sasl_username,
        "BATON_KAFKA_SASL_PASSWORD": said.kafka_sasl_password,
    }
    for name, value in login.items():
        if said.kafka_sasl and value is None:
            return f"{protocol} and {name} is not set: set it"
        if not said.kafka_sasl and value is not None:
            return f"{protocol} and {name} is set: set the protocol to SASL_SSL, or unset the other"
    for name, path in files.items():
        if not said.kafka_tls and path is not None:
            return f"{protocol} and {name} is set: set the protocol to SSL or SASL_SSL, or unset the other"
    if said.kafka_ssl_key_file and not said.kafka_ssl_certificate_file:
        return "BATON_KAFKA_SSL_KEY_FILE is set and BATON_KAFKA_SSL_CERTIFICATE_FILE is not: set both"
    return _tls_problem(said) if said.kafka_tls else None


def _tls_problem(said: "ServiceSettings") -> str | None:
    try:
        said.model_copy(update={"kafka_ssl_certificate_file": None}).kafka_ssl_context()
    except (OSError, ValueError):
        return "BATON_KAFKA_SSL_CA_FILE holds no certificate that can be read: write the CA's, in PEM"
    try:
        said.kafka_ssl_context()
    except (OSError, ValueError):
        return (
            "BATON_KAFKA_SSL_CERTIFICATE_FILE, BATON_KAFKA_SSL_KEY_FILE and BATON_KAFKA_SSL_KEY_PASSWORD do not fit "
            "together: write certificate and key in PEM, and the key's password if it has one"
        )
    return None


class ServiceSettings(BaseSettings):
    """What every service needs to know; a service adds its own in a subclass."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        # A variable that a compose file hands on empty is not set.
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    database_url: Annotated[str, AfterValidator(_database_url)] = Field(
        validation_alias="DATABASE_URL",
        repr=False,
        description="where Postgres is",
        examples=["postgresql://baton@localhost:5432/baton"],
    )
    database_pool_size: int = Field(
        default=8, ge=2, le=200, description="the most connections one process opens"
    )
    kafka_bootstrap_servers: Annotated[str, AfterValidator(_servers)] = Field(
        validation_alias="KAFKA_BOOTSTRAP_SERVERS", description="where Kafka is", examples=["localhost:9092"]
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="how to speak to Kafka: SSL is TLS, SASL asks for user and password"
    )
    kafka_ssl_ca_file: FilePath | None = Field(
        default=None,
        description="the certificates (PEM) that Kafka's must be signed by; without it, those this machine trusts",
    )
    kafka_ssl_certificate_file: FilePath | None = Field(
        default=None, description="our certificate (PEM), where Kafka asks for one"
    )
    kafka_ssl_key_file: FilePath | None = Field(
        default=None,
        description="the key (PEM) of our certificate; without it, it is in the certificate's file",
    )
    kafka_ssl_key_password: str | None = Field(
        default=None, repr=False, description="the password of that key"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="how Kafka is told the password"
    )
    kafka_sasl_username: str | None = Field(default=None, min_length=1, description="who we are to Kafka")
    kafka_sasl_password: str | None = Field(
        default=None, min_length=1, repr=False, description="the password of that user"
    )
    kafka_idempotence: bool = Field(
        default=True, description="whether the producer is idempotent (off for the embedded broker)"
    )
    topic_prefix: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="what stands before every topic's name"
    )
    http_host: str = Field(default="127.0.0.1", min_length=1, description="the address HTTP is served on")
    http_port: int = Field(
        default=0, ge=0, le=65535, description="the port HTTP is served on; 0 takes a free one"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="the least severe log lines to write"
    )
    log_format: Literal["json", "plain", "pretty"] = Field(
        default="json", description="how log lines look: json for machines, plain or pretty for people"
    )
    config_dir: Path | None = Field(default=None, description="the folder with the configuration files")
    batch_max_records: int = Field(default=5000, ge=1, le=10_000, description="the most records in one batch")
    batch_timeout_ms: int = Field(
        default=20, ge=1, le=10_000, description="how long to wait for records, in ms"
    )
    max_record_bytes: int = Field(
        default=MIB, ge=1024, le=512 * MIB, description="the largest record taken in or sent, in bytes"
    )
    mark_interval: float = Field(
        default=0.25, gt=0, le=60, description="how often idle partitions are marked as applied, in seconds"
    )
    patience: float = Field(
        default=300.0,
        gt=0,
        le=86_400,
        description="how long to wait for a mark that stands still, in seconds",
    )
    controlled_clock: bool = Field(
        default=False,
        description="whether the clock is the row in baton.clock (tests and demonstrations only)",
    )
    retry_min: float = Field(
        default=0.25, gt=0, le=60, description="the first pause before a retry, in seconds"
    )
    retry_max: float = Field(
        default=30.0, gt=0, le=240, description="the longest pause before a retry, in seconds"
    )
    instance: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="the name of this instance, such as its pod's: with one, a restart causes no rebalance",
    )

    @property
    def kafka_tls(self) -> bool:
        return self.kafka_security_protocol in {"SSL", "SASL_SSL"}

    @property
    def kafka_sasl(self) -> bool:
        return self.kafka_security_protocol.startswith("SASL_")

    def kafka_ssl_context(self) -> ssl.SSLContext:
        """The TLS to Kafka; raises OSError or ssl.SSLError where a file is not what it should be."""
        context = ssl.create_default_context(cafile=self.kafka_ssl_ca_file)
        if self.kafka_ssl_certificate_file is not None:
            password = self.kafka_ssl_key_password or ""
            context.load_cert_chain(self.kafka_ssl_certificate_file, self.kafka_ssl_key_file, password)
        return context

    @model_validator(mode="after")
    def _kafka_security_holds(self) -> Self:
        if problem := _security_problem(self):
            raise ValueError(problem)
        return self

    def topic(self, name: str) -> str:
        """The name on the broker of the topic we call `name`."""
        return self.topic_prefix + name


def load(cls: type[S], **given: Any) -> S:
    """Read the settings from the environment, but for those given, or raise SettingsError."""
    try:
        return cls(**given)
    except ValidationError as error:
        problems = [
            _sentence(cls, dict(each)) for each in error.errors(include_input=False, include_url=False)
        ]
    except UnreadableSetting as error:
        named = re.search(r'field "(\w+)"', str(error))
        problems = [f"{variable(cls, named[1]) if named else 'A setting'} should be valid JSON."]
    # Outside the except block, so that nothing of the original error, value included, hangs on to ours.
    raise SettingsError(problems)


def fail(message: str) -> NoReturn:
    """Say what is wrong and end as a program does that was used wrongly."""
    print(message, file=sys.stderr)  # noqa: T201  (a person reads this before any log is set up)
    raise SystemExit(2)


def variable(cls: type[BaseSettings], field: str) -> str:
    """The environment variable that sets `field`."""
    info = cls.model_fields.get(field)
    alias = info.validation_alias if info else None
    return alias if isinstance(alias, str) else f"{cls.model_config.get('env_prefix', '')}{field}".upper()


def _sentence(cls: type[BaseSettings], error: dict[str, Any]) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    field = next((f for f, info in cls.model_fields.items() if name in {f, info.validation_alias}), None)
    if field is None:
        return f"The settings contradict each other: {_reason(error)}."
    info = cls.model_fields[field]
    meaning = f"it says {info.description}" if info.description else "see the documentation"
    example = f", for example {info.examples[0]}" if info.examples else ""
    default = f", and may be left out for {info.default!r}" if not info.is_required() and info.default else ""
    if error["type"] == "missing":
        return f"{variable(cls, field)} is not set: {meaning}{example}."
    return f"{variable(cls, field)} {_reason(error)}: {meaning}{example}{default}."


def _reason(error: dict[str, Any]) -> str:
    reason: str = error["msg"].removeprefix("Value error, ").removeprefix("Input ").removeprefix("Path ")
    return reason.replace("String should", "should").rstrip(".")
