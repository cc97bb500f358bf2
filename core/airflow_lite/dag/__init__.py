"""The dag room."""
