"""Kafka over TLS, with a certificate of ours or with a password: every client of ours, on Apache Kafka itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.chassis.kafka import Admin, KafkaAwayError, Producer, Record, ensure_topics
from services.chassis.settings import ServiceSettings, SettingsError, load
from tests.chassis.conftest import a_settings, a_topic, an_item, until
from tests.chassis.test_consuming import reading
from tests.infra.kafka.apache import PASSWORD, USER, ApacheKafka, certificate, why_not

LOGIN = {"kafka_sasl_username": USER, "kafka_sasl_password": PASSWORD}


@pytest.fixture(scope="module")
def secure() -> Iterator[ApacheKafka]:
    """A broker with TLS, which only the one that Maven gets has, whatever broker the other tests use."""
    if missing := why_not() or (None if shutil.which("openssl") else "no openssl"):
        pytest.skip(f"needs Apache Kafka with TLS: {missing}")
    broker = ApacheKafka(for_load=False, secure=True)
    try:
        broker.start()
        yield broker
    finally:
        broker.close()


def over_tls(broker: ApacheKafka, prefix: str, **given: Any) -> ServiceSettings:
    ca = broker.theirs.with_suffix(".crt")
    defaults = {"kafka_bootstrap_servers": broker.with_password, "kafka_security_protocol": "SASL_SSL"}
    return a_settings(**({"topic_prefix": prefix, "kafka_ssl_ca_file": ca} | defaults | given))


@pytest.mark.parametrize("way", ["certificate", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_all_our_clients_work_over_tls(secure: ApacheKafka, topic_prefix: str, way: str) -> None:
    """Given a Kafka that asks for a certificate, or for user and password; when topics are made, a record is sent and
    read; then it arrives: admin, producer and consumer are all let in.
    """
    settings = over_tls(secure, topic_prefix, kafka_sasl_mechanism=way, **LOGIN) if way != "certificate" else over_tls(
        secure, topic_prefix, kafka_bootstrap_servers=secure.with_certificate, kafka_security_protocol="SSL",
        kafka_ssl_certificate_file=secure.ours.with_suffix(".crt"), kafka_ssl_key_file=secure.ours.with_suffix(".key"),
    )  # fmt: skip
    read: list[bytes | None] = []

    async def handle(records: list[Record]) -> None:
        read.extend(record.value for record in records)

    await ensure_topics(settings, [a_topic("in", 1)])
    producer = Producer(settings, "test")
    await producer.send_many("in", [an_item("said in confidence")])
    await producer.stop()
    async with reading(settings, handle, "in"):
        await until(lambda: read)

    assert read == [b"said in confidence"]


@pytest.mark.parametrize("wrong", ["password", "authority", "no certificate"])
async def test_who_is_not_let_in_is_told_that_kafka_cannot_be_reached(
    secure: ApacheKafka, topic_prefix: str, tmp_path: Path, wrong: str
) -> None:
    """Given a wrong password, a broker whose certificate another authority signed, or no certificate where one is
    asked for; then Kafka cannot be reached, and nothing is sent in the open.
    """
    given: dict[str, Any] = {
        "password": LOGIN | {"kafka_sasl_password": "wrong"},
        "authority": LOGIN | {"kafka_ssl_ca_file": certificate(tmp_path, "other").with_suffix(".crt")},
        "no certificate": {
            "kafka_bootstrap_servers": secure.with_certificate,
            "kafka_security_protocol": "SSL",
        },
    }[wrong]

    with pytest.raises(KafkaAwayError):
        async with Admin(over_tls(secure, topic_prefix, **given)) as admin:
            await admin.cluster_id()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("DATABASE_URL", "postgresql://baton@db/baton")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "k1:9092")
    return monkeypatch


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL"},
         ("The settings contradict each other: BATON_KAFKA_SECURITY_PROTOCOL is SASL_SSL and BATON_KAFKA_SASL_USERNAME is"
         " not set: set it.")),
        ({"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_USERNAME": "baton"},
         ("The settings contradict each other: BATON_KAFKA_SECURITY_PROTOCOL is SASL_PLAINTEXT and"
         " BATON_KAFKA_SASL_PASSWORD is not set: set it.")),
        ({"SASL_PASSWORD": "secret"},
         ("The settings contradict each other: BATON_KAFKA_SECURITY_PROTOCOL is PLAINTEXT and BATON_KAFKA_SASL_PASSWORD"
         " is set: set the protocol to SASL_SSL, or unset the other.")),
        ({"SSL_CA_FILE": "FILE"},
         ("The settings contradict each other: BATON_KAFKA_SECURITY_PROTOCOL is PLAINTEXT and BATON_KAFKA_SSL_CA_FILE is"
         " set: set the protocol to SSL or SASL_SSL, or unset the other.")),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA_FILE": "FILE"},
         ("The settings contradict each other: BATON_KAFKA_SSL_CA_FILE holds no certificate that can be read: write the"
         " CA's, in PEM.")),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CERTIFICATE_FILE": "FILE"},
         ("The settings contradict each other: BATON_KAFKA_SSL_CERTIFICATE_FILE, BATON_KAFKA_SSL_KEY_FILE and"
         " BATON_KAFKA_SSL_KEY_PASSWORD do not fit together: write certificate and key in PEM, and the key's password"
         " if it has one.")),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_KEY_FILE": "FILE"},
         ("The settings contradict each other: BATON_KAFKA_SSL_KEY_FILE is set and BATON_KAFKA_SSL_CERTIFICATE_FILE is"
         " not: set both.")),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA_FILE": "/nowhere/ca.pem"},
         ("BATON_KAFKA_SSL_CA_FILE does not point to a file: it says the certificates (PEM) that Kafka's must be signed"
         " by; without it, those this machine trusts.")),
        ({"SECURITY_PROTOCOL": "TLS"},
         ("BATON_KAFKA_SECURITY_PROTOCOL should be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL': it says how to"
         " speak to Kafka: SSL is TLS, SASL asks for user and password, and may be left out for 'PLAINTEXT'.")),
    ],
)  # fmt: skip
def test_what_cannot_work_is_one_sentence(
    environment: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], sentence: str
) -> None:
    """Given settings that contradict each other or name what is no certificate, then one sentence says which and what
    to do, without the secret.
    """
    file = tmp_path / "no.pem"
    file.write_text("no certificate")
    for name, value in given.items():
        environment.setenv(f"BATON_KAFKA_{name}", str(file) if value == "FILE" else value)
    with pytest.raises(SettingsError) as caught:
        load(ServiceSettings)

    assert caught.value.problems == [sentence]


def test_what_is_handed_on_empty_is_not_set(environment: pytest.MonkeyPatch) -> None:
    """Given variables that a compose file hands on without a value, then the defaults hold."""
    for name in ("SECURITY_PROTOCOL", "SASL_USERNAME", "SASL_PASSWORD", "SSL_CA_FILE"):
        environment.setenv(f"BATON_KAFKA_{name}", "")

    assert load(ServiceSettings).kafka_security_protocol == "PLAINTEXT"


def test_no_secret_is_shown(environment: pytest.MonkeyPatch) -> None:
    """Given a password, then the settings do not show it when they are printed."""
    environment.setenv("BATON_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    environment.setenv("BATON_KAFKA_SASL_USERNAME", "baton")
    environment.setenv("BATON_KAFKA_SASL_PASSWORD", "only-kafka-knows")

    assert "only-kafka-knows" not in repr(load(ServiceSettings))
