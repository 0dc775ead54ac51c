"""What is derived from a video and kept or shown beside it: analyses, hashes, previews, storyboards.

Comes in: caches and images; nothing that is a video.
Uses: analysis, catalogue, errors, ffmpeg, operations.context, operations.publishing, operations.recipe,
    operations.remote_task, operations.result_card, parallel, report, storage, troubles, wording.
"""
