"""The catalogue as lines of an export, kept with the library, and back.

Comes in: what an export holds and how it is read, those of earlier formats among them.
Uses: catalogue.engine, catalogue.facts, catalogue.models, catalogue.product_tables, catalogue.videos, errors,
    storage, wording.
"""
