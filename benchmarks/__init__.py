"""How fast and how small: `python -m benchmarks`, described in docs/internals/benchmarks.md."""
