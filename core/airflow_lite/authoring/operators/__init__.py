"""The operators and sensors that ship with the core."""
