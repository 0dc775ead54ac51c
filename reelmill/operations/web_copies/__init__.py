"""The web copy of a video: encoded, remuxed or skipped, and planned before.

Comes in: what `reencode` and `plan` share.
Uses: catalogue, errors, ffmpeg, hardware, operations.chunk_store, operations.context, operations.file_facts,
    operations.once, operations.publishing, operations.recipe, operations.result_card, operations.size_estimates,
    parallel, queue, report, settings, storage, wording.
"""
