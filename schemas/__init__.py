"""Every message that crosses Kafka, as models both ends share."""
