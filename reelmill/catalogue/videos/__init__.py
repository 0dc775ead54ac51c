"""The records of videos: scanned, looked up, searched, browsed, picked, merged, and shown with all there is of one.

Comes in: questions about videos and changes of their records; each function takes a session.
Uses: catalogue.engine, catalogue.facts, catalogue.filters, catalogue.limits, catalogue.models,
    catalogue.product_tables, errors, parallel, settings, storage, troubles, wording.
"""
