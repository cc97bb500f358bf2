"""The pages, a subject a module: each gathers data, which its template shows and `.json` gives."""
