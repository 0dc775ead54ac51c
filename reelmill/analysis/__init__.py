"""What is seen and heard in a video, and what of it is worth keeping."""
