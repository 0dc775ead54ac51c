"""One comparison each of frames with those they were made of: place, order, levels, matrix, detail, noise, points.

Comes in: a measure and the bound it is judged by; which frames are compared is decided in ``verify``.
Uses: errors, ffmpeg.commands, ffmpeg.finding, ffmpeg.reading, ffmpeg.reading.audio, ffmpeg.reading.frames.
"""
