"""How a site comes up: the only code that creates things on a Prefect server, or starts servers. See README.md."""
