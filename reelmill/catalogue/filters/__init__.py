"""The language in which people choose videos: words, parser, conditions, and the clause of SQL that comes of it.

Comes in: how a filter is written and what it may name; not what is done with the videos it chooses.
Uses: catalogue.facts, catalogue.models, errors, storage.
"""
