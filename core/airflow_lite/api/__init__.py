"""What plugins are written against: hooks, events, executors, commands. Needs only the ground."""
