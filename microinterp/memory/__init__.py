"""Tensor lifetimes, memory planners and their plans."""
