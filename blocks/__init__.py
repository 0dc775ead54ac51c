"""What a site's people configure on the server. The only Block classes live here; see README.md.

Comes in: Block classes only.
Uses: reelmill.errors, reelmill.ffmpeg, reelmill.hardware, reelmill.operations, reelmill.storage.
"""

from blocks.media_library import MediaLibrary
from blocks.transcoder import TranscoderSettings

__all__ = ["MediaLibrary", "TranscoderSettings"]
