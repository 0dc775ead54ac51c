"""What belongs to the library: which folders, which files, and when a file is complete."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import Field, field_validator

from blocks.stored import SiteBlock
from reelmill.errors import UserError
from reelmill.operations.jobs.scan import EXTENSIONS
from reelmill.storage.media_root import INBOX, OWN_FOLDERS, MediaRoot
from reelmill.storage.system_folders import SYSTEM_FOLDERS

_NO_FOLDER_NAMES: Final = ["", ".", "..", *OWN_FOLDERS]

#: What else than Python changes a block (the pages, the REST API) has nothing but its schema to go by.
FolderName = Annotated[
    str,
    Field(
        description=f"the plain name of a folder of library/; {', '.join(OWN_FOLDERS)} are folders of their own",
        json_schema_extra={"not": {"anyOf": [{"enum": _NO_FOLDER_NAMES}, {"pattern": r"[/\u0000]"}]}},
    ),
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
        description="Folders of library/, each a type a scan can be asked for.",
    )
    extensions: list[str] = Field(
        default=list(EXTENSIONS), min_length=1, description="Endings of video files, without the dot, in any case."
    )
    system_folders: list[str] = Field(
        default=list(SYSTEM_FOLDERS),
        description="Names of folders, with * and ?, that no scan looks into: bins, thumbnails, snapshots.",
    )
    settle_seconds: float = Field(
        default=30.0, ge=0, description="A file changed more recently is still being written and waits."
    )

    @field_validator("directory_types")
    @classmethod
    def _plain_names(cls, names: list[str]) -> list[str]:
        for name in names:
            if name in OWN_FOLDERS:
                raise ValueError(f"{name!r} is a folder of its own; name folders of library/ here.")
            try:
                MediaRoot.check_type(name)
            except UserError as error:
                raise ValueError(str(error)) from error
        return names

    @property
    def scannable(self) -> tuple[str, ...]:
        """What ``scan`` may be asked for."""
        return (INBOX, *self.directory_types)
