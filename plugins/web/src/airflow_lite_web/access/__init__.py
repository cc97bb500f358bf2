"""Who asks, and what they may: users, sessions, and the guard in front of every page."""
