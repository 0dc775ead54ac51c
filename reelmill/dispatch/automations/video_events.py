"""The events of videos: what they are called, and the labels by which rules choose among them.

A scan emits one for each record that it changed; ``flows/video_events.py`` does, once the record is committed.
"""

from __future__ import annotations

from typing import Final

ADDED: Final = "reelmill.video.added"
CHANGED: Final = "reelmill.video.changed"
MISSING: Final = "reelmill.video.missing"

#: Instead of too many of those: one event of a whole folder.
MANY_CHANGED: Final = "reelmill.videos.changed"

#: So many events a scan may emit. The server's queue of events holds 10,000 and drops what comes on top; on two busy
#: cores it took 2,000 in 3 s, and needed 91 s until a rule had met them all.
AT_MOST: Final = 2000

#: What the id of a video's resource begins with; the rest is the video's id.
VIDEO: Final = "reelmill.video."
#: What the id of a directory type's resource begins with.
DIRECTORY: Final = "reelmill.directory."

#: Labels of the resource.
VIDEO_ID: Final = "reelmill.video-id"
DIRECTORY_TYPE: Final = "reelmill.directory-type"
VALID: Final = "reelmill.valid"  # true or false: whether the file is a whole video, as far as a scan sees
