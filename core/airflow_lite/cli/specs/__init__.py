"""The core's commands as data: one module per group, imported when that group is asked for."""
