"""The plugins room."""
