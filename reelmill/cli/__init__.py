"""The command line: where everything is put together, so the one package that may import any other."""
