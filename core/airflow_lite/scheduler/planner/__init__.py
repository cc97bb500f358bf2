"""What is decided, as pure functions: no store, no clock, no configuration, no log."""
