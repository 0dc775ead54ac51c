"""What is known of each video: verdicts, tags, analyses, images beside it, what was made of it, who holds the same.

Comes in: facts by video, read and written through a session; no question about many videos by a filter.
Uses: catalogue.engine, catalogue.limits, catalogue.models, errors.
"""
