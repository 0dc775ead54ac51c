"""The doctor: looks at a whole site, says what is wrong and what helps, and does what is safe.

machine       ffmpeg, encoders, media root, disks, GPU memory
database      reachable, its schema, its clock
queue         the Prefect server, workers, leases, stuck runs: reading; what it means is in ``site``
site          what is to be said of the queue (pure)
examination   all of it together
repair        what can be done safely, shown before it is done

The library itself is looked at by ``operations/check.py``, which tests use too.
"""
