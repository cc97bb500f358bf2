"""Commands as data: described, parsed and handed to Tab without importing what they do."""
