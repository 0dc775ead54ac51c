"""What belongs to the library: which folders, which files, and when a file is complete."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final

from pydantic import Field

from blocks.stored import SiteBlock, Unlike
from reelmill.operations.jobs.scan import EXTENSIONS
from reelmill.storage.media_root import INBOX, OWN_FOLDERS
from reelmill.storage.system_folders import SYSTEM_FOLDERS

#: What no name of a file or folder that people gave holds: a slash, and control characters.
_NO_NAME: Final = r"[/\u0000-\u001f\u007f]"
_NO_FOLDER_NAMES: Final = "|".join(re.escape(name) for name in ("", ".", "..", *OWN_FOLDERS))
_NAME_LENGTH: Final = 255  # of a file or folder, on every file system in use
_DAY: Final = 86_400.0  # seconds

FolderName = Annotated[
    str,
    Field(max_length=_NAME_LENGTH),
    Unlike(
        rf"^({_NO_FOLDER_NAMES})$|{_NO_NAME}",
        f"the plain name of a folder of library/; {', '.join(OWN_FOLDERS)} are folders of their own",
    ),
]
Extension = Annotated[
    str,
    Field(max_length=16),
    Unlike(r"^[.]*$|[^A-Za-z0-9_.-]", "the ending of a file, without the dot: letters and digits"),
]
FolderPattern = Annotated[
    str,
    Field(max_length=_NAME_LENGTH),
    Unlike(rf"^[*?]*$|{_NO_NAME}", "the name of a folder; one of * and ? alone would have no folder looked into"),
]


class MediaLibrary(SiteBlock):
    """Directory types, extensions and settle time of the site's video library.

    The media root itself is a setting of each node (``REELMILL_MEDIA_ROOT``), not of the site.
    """

    _block_type_name: ClassVar[str | None] = "Reelmill media library"
    _block_type_slug: ClassVar[str | None] = "reelmill-media-library"
    _description: ClassVar[str | None] = "Which folders and files belong to the video library."

    directory_types: list[FolderName] = Field(
        default=["videos", "shows", "home"],
        min_length=1,
        max_length=100,
        json_schema_extra={"uniqueItems": True},
        description="Folders of library/, each a type a scan can be asked for.",
    )
    extensions: list[Extension] = Field(
        default=list(EXTENSIONS),
        min_length=1,
        max_length=100,
        json_schema_extra={"uniqueItems": True},
        description="Endings of video files, without the dot, in any case.",
    )
    system_folders: list[FolderPattern] = Field(
        default=list(SYSTEM_FOLDERS),
        max_length=200,
        json_schema_extra={"uniqueItems": True},
        description="Names of folders, with * and ?, that no scan looks into: bins, thumbnails, snapshots.",
    )
    settle_seconds: float = Field(
        default=30.0, ge=0, le=_DAY, description="A file changed more recently is still being written and waits."
    )

    @property
    def scannable(self) -> tuple[str, ...]:
        """What ``scan`` may be asked for."""
        return (INBOX, *self.directory_types)
