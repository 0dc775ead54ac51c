"""What Reelmill does to videos, one file an operation: a pure plan first, then the act."""
