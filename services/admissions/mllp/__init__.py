"""The MLLP listener: HL7 v2 over TCP, acknowledged when Kafka has it."""
