"""The benchmarks, each measured beside its baseline."""
