"""The task host: claims, watches and records. Holds the store's connection; runs no user code."""
