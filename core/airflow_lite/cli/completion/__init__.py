"""What Tab offers: the words that may follow, found without importing what commands do."""
