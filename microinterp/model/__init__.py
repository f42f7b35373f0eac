"""`.tflite` bytes ⇄ an immutable `Model`."""
