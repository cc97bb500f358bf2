"""The resources of the API, a module each: their fields, their calls, and what these do."""
