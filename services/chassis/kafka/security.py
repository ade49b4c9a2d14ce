"""How we speak to Kafka: in the open or over TLS, and as whom. One place for every client we make."""

import ssl
from typing import Any

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from services.chassis.settings import ServiceSettings

_SASL = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}


def connection(settings: ServiceSettings) -> dict[str, Any]:
    """Give what every client of aiokafka is to be told: where Kafka is, how to speak to it, as whom."""
    told: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap_servers.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": tls(settings),
    }
    if settings.kafka_sasl:
        told |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_sasl_username,
            "sasl_plain_password": settings.kafka_sasl_password,
        }
    return told


def of_faststream(settings: ServiceSettings) -> BaseSecurity:
    """Give the same in FastStream's words."""
    context = tls(settings)
    if not settings.kafka_sasl:
        return BaseSecurity(ssl_context=context, use_ssl=settings.kafka_tls)
    return _SASL[settings.kafka_sasl_mechanism](
        username=settings.kafka_sasl_username or "",
        password=settings.kafka_sasl_password or "",
        ssl_context=context,
        use_ssl=settings.kafka_tls,
    )


def tls(settings: ServiceSettings) -> ssl.SSLContext | None:
    """Give the TLS of the settings: the broker's certificate and name are always checked."""
    return settings.kafka_ssl_context() if settings.kafka_tls else None
