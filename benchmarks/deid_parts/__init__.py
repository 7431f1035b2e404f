"""The parts of benchmarks/deid.py."""
