"""Side by side with other model servers: `python -m benchmarks peers`."""
