"""The MLLP listener, on real sockets and a real Kafka."""
