"""Every SQL statement of the project. Nobody outside imports it at module level but its users."""
