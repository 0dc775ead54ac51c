"""Everything that touches ffmpeg: probing and decoding (PyAV), building commands, running them."""
