"""What the listener counts. No label names a connection: what each one did is a line in the log when it ends."""

from services.chassis import metrics

CODES = ("AA", "AE", "AR", "CA", "CE", "CR", "none")
ODD = (
    "stray_bytes", "no_carriage_return", "begun_anew", "too_large", "unfinished", "slow", "crowded", "acknowledgement",
)  # fmt: skip

CONNECTIONS = metrics.declare("baton_mllp_connections", "gauge", "MLLP connections open now.")
OPENED = metrics.declare("baton_mllp_connection_opened_total", "counter", "MLLP connections taken.")
TURNED_AWAY = metrics.declare(
    "baton_mllp_connection_refused_total",
    "counter",
    "MLLP connections closed at once: the address is not in BATON_MLLP_ALLOW, or there are too many.",
    ["reason"],
    known=[["address"], ["too_many"]],
)
RECEIVED = metrics.declare("baton_mllp_received_bytes_total", "counter", "Bytes read from MLLP connections.")
ANSWERED = metrics.declare(
    "baton_mllp_message_answered_total",
    "counter",
    "MLLP frames by the code of the answer (MSA-1); none: the sender wants or gets no answer.",
    ["code"],
    known=[[code] for code in CODES],
)
ODDITIES = metrics.declare(
    "baton_mllp_violation_total",
    "counter",
    "What MLLP does not allow or the limits forbid, by kind; of stray bytes the bytes are counted.",
    ["kind"],
    known=[[kind] for kind in ODD],
)
ACK_SECONDS = metrics.declare(
    "baton_mllp_ack_duration_seconds",
    "histogram",
    "From the last byte of a frame to its acknowledgement being written: how long the broker takes, in the main.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
HELD = metrics.declare(
    "baton_mllp_messages_held", "gauge", "Messages read over MLLP that Kafka does not have yet."
)
