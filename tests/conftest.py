"""Hypothesis profiles: `quick` for every run, `long` to search.

Choose with `--hypothesis-profile=long` or the environment variable HYPOTHESIS_PROFILE.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Native runtimes take their time on some models, and refuse others.
_COMMON = settings(
    deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)

# The same examples in every run: a change of the verdict means a change of the code.
settings.register_profile("quick", _COMMON, max_examples=25, derandomize=True)
settings.register_profile("long", _COMMON, max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
