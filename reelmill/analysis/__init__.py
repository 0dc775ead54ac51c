"""What is seen and heard in a video, and what of it is worth keeping.

Comes in: pure analysis over decoded frames and audio; nothing that writes a file or a record.
Uses: nothing.
"""
