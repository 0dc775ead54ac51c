"""What a site's people configure on the server. The only Block classes live here; see README.md."""

from blocks.media_library import MediaLibrary
from blocks.transcoder import Transcoder

__all__ = ["MediaLibrary", "Transcoder"]
