"""Measurements, always as ratios to the native runtimes in the same run: machines differ and are noisy."""
