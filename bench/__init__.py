"""Speed as a ratio to a named peer in the same run: one file a row. ``make bench``, ``make bench ROW=rescan``."""
