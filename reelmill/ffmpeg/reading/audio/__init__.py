"""Audio read in process: samples, levels, loudness, gaps and jitter, where a seek lands.

Comes in: readings of audio tracks; what is right of them is judged in ``verify``.
Uses: ffmpeg.reading.
"""
