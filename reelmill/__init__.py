"""Reelmill's library: media work without Prefect. See README.md for the house as a whole."""
