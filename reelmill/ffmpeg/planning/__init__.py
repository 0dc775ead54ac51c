"""Decisions before a command is written: where to cut chunks, what a file lacks for the web.

Comes in: pure plans from what was read.
Uses: ffmpeg.codecs, ffmpeg.geometry, ffmpeg.reading.
"""
