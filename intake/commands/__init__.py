"""The command line: for people at a desk, and for scripts (`-o json`, exit codes)."""
