"""What web copies save and cost that were made before that had columns: read from what was kept with their records.

As ``former_sources``, this is run by the migration that brings the columns and by the import of an export of before.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

#: Of copies that are as they were made. Before costs were kept the sizes are known all the same, the source's as it is.
_FIGURES: Final = """
UPDATE catalogue.video AS copy
SET source_size = coalesce((details -> 'cost' ->> 'bytes_in')::bigint, (
        SELECT source.size FROM catalogue.video AS source WHERE source.id = copy.source_video_id
    )),
    encode_cpu_seconds = (details -> 'cost' ->> 'cpu_seconds')::float,
    encode_joules = (details -> 'cost' ->> 'joules')::float,
    vmaf = (details -> 'cost' ->> 'vmaf')::float
WHERE directory_type = 'playback' AND recipe IS NOT NULL AND source_size IS NULL
"""


def fill(connection: Connection) -> None:
    """Give every web copy without figures those that its record gives away.

    Args:
        connection: to a catalogue that has the columns.
    """
    connection.exec_driver_sql(_FIGURES)
