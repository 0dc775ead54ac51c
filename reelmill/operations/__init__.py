"""What Reelmill does to videos: what every operation works with stands here, the rest in its rooms.

Comes in: the context of an operation and what all rooms below share.
Uses: catalogue, classification, errors, ffmpeg, hardware, operations.publishing, parallel, queue, report, settings,
    storage, troubles, wording.
"""
