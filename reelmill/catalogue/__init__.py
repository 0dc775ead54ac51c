"""What Prefect cannot hold, in PostgreSQL: the videos, what is known of them, and what made them.

Comes in: tables, what is asked of them, locks and the embedded server; no media work.
Uses: catalogue.filters, errors, guard, hardware, settings, storage, troubles.
"""
