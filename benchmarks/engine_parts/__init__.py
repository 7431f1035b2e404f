"""The parts of ``benchmarks/engine.py``; what runs in a rival's environment needs numpy alone."""
