"""Frames of a video for an analysis: read in order, sought, sampled, and made into tiles.

Comes in: ways to get frames; nothing that judges them.
Uses: ffmpeg.
"""
