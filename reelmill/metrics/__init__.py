"""What a site and its nodes measure, in the words of Prometheus; read anew at every scrape, so that nothing drifts.

bounds          which values a label may have: made-up names fold into ``other``
site_metrics    the site as metrics (pure)
site_collector  reads it at a scrape; for the API
node_metrics    one node's load as metrics (pure)
node_collector  reads it at a scrape; for the workers
worker_server   serves a worker's metrics on a port of its own
http_bytes      counts what the API sends and receives

Comes in: what Prometheus may ask of a running process; no rule that acts on a figure.
Uses: catalogue, dispatch, dispatch.tables, dispatch.totals, errors, hardware, operations.jobs, parallel, queue,
    settings.
"""
