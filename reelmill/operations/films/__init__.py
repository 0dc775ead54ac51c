"""Videos put together into one: grids, sequences, segments.

Comes in: what several film jobs share.
Uses: catalogue, errors, ffmpeg, operations.chunk_store, operations.context, operations.file_facts,
    operations.publishing, operations.recipe, operations.result_card, operations.size_estimates, report, troubles,
    wording.
"""
