"""Taking over from schedulers that died, and keeping others from taking over."""
