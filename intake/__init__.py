"""How cases come in: the typed client for programs, the readers of register files, the command line."""
