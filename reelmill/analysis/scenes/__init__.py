"""Where scenes begin and end: cuts and fades, decoding only where something may have happened.

Comes in: the scene detector and its parts.
Uses: analysis.frames, errors, ffmpeg, parallel, troubles.
"""
