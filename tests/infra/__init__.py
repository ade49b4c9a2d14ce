"""Real Postgres and real Kafka for tests, benchmarks and trials by hand."""
