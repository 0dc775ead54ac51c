"""What containers say beyond what libavformat hands on: boxes, sample entries, tracks, transport streams.

Comes in: bytes of one container format each; nothing is decoded here.
Uses: ffmpeg.reading.
"""
