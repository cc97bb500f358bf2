"""What is installed, from metadata alone: nothing of a plugin is imported here."""
