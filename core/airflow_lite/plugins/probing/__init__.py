"""A plugin is imported in a child first; what fails there is set aside, with its reason."""
