"""Which seconds of a video are worth showing: signals, scores, and a selection of segments.

Comes in: measurements of a second and choices among seconds.
Uses: analysis.frames, analysis.scenes, errors, ffmpeg.
"""
