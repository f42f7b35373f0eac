"""Programs people run: the `microinterp` command and what is behind each of its verbs."""

import os

# Before NumPy loads its BLAS. The matrices of one sample are small: threads that wait for each other cost far more than
# they save (person_detect on two cores of a busy machine: 110 ms with two threads, 1.5 ms with one).
for _library in ("OPENBLAS", "OMP", "MKL", "VECLIB_MAXIMUM"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
