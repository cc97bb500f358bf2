"""Dynamic task mapping: tasks and groups that run once for each of several values."""
