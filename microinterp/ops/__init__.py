"""Operators: one module per family; each operator is a `prepare_<name>` function."""
