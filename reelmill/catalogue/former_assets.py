"""Assets that were made before they had rows: thumbnails that videos name, and storyboards, which were analyses.

GIFs and images of scenes were on the disk alone; ``doctor --repair`` records them. As ``former_sources``, this is run
by the migration that brings the rows and by the import of an export of before.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

_THUMBNAILS: Final = """
INSERT INTO catalogue.asset (video_id, path, kind, made_at)
SELECT id, thumbnail_path, 'thumbnail', updated_at FROM catalogue.video WHERE thumbnail_path IS NOT NULL
ON CONFLICT DO NOTHING
"""

#: Of storyboards those of what the files held at the last scan; size and time stand for contents that were not read.
_STORYBOARDS: Final = """
INSERT INTO catalogue.asset (video_id, path, kind, content_id, made_at)
SELECT video.id, convert_from(found.result, 'UTF8'), 'storyboard', coalesce(found.content_id, video.content_id),
    found.made_at
FROM catalogue.analysis AS found JOIN catalogue.video ON video.id = found.video_id
WHERE found.kind = 'storyboard' AND found.result <> '' AND (
    found.content_id IN (video.content_id, video.content_id || '-mended')
    OR ((found.content_id IS NULL OR video.content_id IS NULL)
        AND (found.size, found.mtime_ns) = (video.size, video.mtime_ns))
)
ON CONFLICT DO NOTHING
"""

_NO_ANALYSES: Final = "DELETE FROM catalogue.analysis WHERE kind = 'storyboard'"


def fill(connection: Connection) -> None:
    """Give every video the rows of the assets that are known of it.

    Args:
        connection: to a catalogue that has the table.
    """
    for statement in (_THUMBNAILS, _STORYBOARDS, _NO_ANALYSES):
        connection.exec_driver_sql(statement)
