"""The cli/commands room."""
