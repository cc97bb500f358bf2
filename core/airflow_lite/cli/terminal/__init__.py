"""What a person at a terminal sees, in place of what goes into a pipe."""
