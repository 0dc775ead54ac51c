"""Which videos look the same: perceptual hashes and how they are compared.

Comes in: hashes of how a video looks, and their comparison.
Uses: analysis.frames, ffmpeg.
"""
