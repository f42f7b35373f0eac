"""A NumPy interpreter for `.tflite` models, bit-exact with TensorFlow Lite and TFLite Micro."""
