"""Benchmarks. Each file has an empty baseline, checks a digest of its result, and runs small among
the tests with --benchmark-disable. Compare ratios to the baseline of the same run, not times.
"""
