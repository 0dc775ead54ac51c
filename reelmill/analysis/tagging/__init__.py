"""Words for a video: by rules over signals, and by a model where one is installed.

Comes in: tag back ends and their labels.
Uses: analysis.frames, analysis.scoring, errors, ffmpeg, hardware.
"""
