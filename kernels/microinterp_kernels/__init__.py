"""Arithmetic of the TFLite and TFLM kernels: NumPy arrays in, NumPy arrays out, no model needed."""
