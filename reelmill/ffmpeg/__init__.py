"""Everything that touches ffmpeg: which binary and encoders there are, and the transcoder that runs them.

Comes in: the tools of one node; its rooms hold the rest.
Uses: errors, ffmpeg.commands, ffmpeg.process, ffmpeg.reading, hardware, report, settings, storage, wording.
"""
