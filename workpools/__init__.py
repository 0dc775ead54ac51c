"""Where it runs: the work pools, and (from the next release on) the worker type. See README.md."""
