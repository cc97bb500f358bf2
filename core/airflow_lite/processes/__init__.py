"""Processes and what passes between them: children, /proc, sockets, timers. Knows no task."""
