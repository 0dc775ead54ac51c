"""What is done: one file a job type, the only ``@flow`` and ``@task``. See README.md."""

from reelmill.site import choose_prefect_server

# Before any flow imports Prefect, so that the same line works in a worker, beside a running site, and without one.
choose_prefect_server()
