"""The only door into the library: verified, journalled, placed without overwriting, recorded.

Comes in: what places, records or recovers library files.
Uses: catalogue, classification, errors, ffmpeg, guard, hardware, operations.context, operations.ownership,
    operations.recipe, operations.remote_task, parallel, report, settings, storage, wording.
"""
