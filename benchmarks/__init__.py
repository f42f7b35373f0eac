"""Measurements, always as ratios to the native runtimes in the same run: machines differ and are noisy."""

import os

for _library in (
    "OPENBLAS",
    "OMP",
    "MKL",
    "VECLIB_MAXIMUM",
):  # one thread for everybody, before NumPy loads its BLAS
    os.environ[f"{_library}_NUM_THREADS"] = "1"
