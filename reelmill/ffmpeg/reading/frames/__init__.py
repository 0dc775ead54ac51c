"""Frames read in process: their sizes and shapes on the way, points of brightness, fields of telecine.

Comes in: readings of decoded frames; what is right of them is judged in ``verify``.
Uses: errors, ffmpeg.reading, ffmpeg.reading.containers.
"""
