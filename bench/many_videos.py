"""Videos by the million, written into a catalogue as scans and jobs would have them after years."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text

#: One statement: of 100 videos some 9 are web copies of others, one is invalid and one missing. Titles are of three
#: words out of 30, 500 and 20,000, so that some words are in every thirtieth title and some in a few.
_VIDEOS: Final = """
INSERT INTO catalogue.video (
    id, title, path, directory_type, filename, size, mtime_ns, container, video_codec, audio_codec, width, height,
    rotation, orientation, frame_rate, duration, bit_rate, audio_tracks, subtitle_tracks, is_valid, validation_error,
    missing_since, recipe, made_by, is_product, source_size, encode_cpu_seconds,
    vmaf, created_at, updated_at
)
SELECT gen_random_uuid(), 'word' || n % 30 || ' theme' || hash % 500 || ' place' || hash / 7 % 20000,
    folder || '/' || lpad((n / 1000)::text, 5, '0') || '/video ' || lpad(n::text, 8, '0') || '.mp4',
    kind, 'video ' || lpad(n::text, 8, '0') || '.mp4',
    1000000 + hash::bigint * 40, 1600000000000000000 + n::bigint * 1000000000, 'mov,mp4', 'h264', 'aac', 1920, 1080, 0,
    CASE WHEN n % 10 = 0 THEN 'portrait' ELSE 'landscape' END, '25/1', 5 + hash % 7200, 4000000, 1, 0,
    n % 100 <> 17, CASE WHEN n % 100 = 17 THEN 'it is cut off' END, CASE WHEN n % 100 = 18 THEN now() END,
    CASE WHEN kind = 'playback' THEN md5(n::text) END, CASE WHEN kind = 'playback' THEN gen_random_uuid() END,
    kind = 'playback', CASE WHEN kind = 'playback' THEN hash::bigint * 60 END,
    CASE WHEN kind = 'playback' THEN hash % 1000 END, CASE WHEN kind = 'playback' AND n % 2 = 0 THEN 95 END,
    now() - (:videos - n) * interval '1 s', now()
FROM (
    SELECT n, (n::bigint * 2654435761 % 2147483647)::bigint AS hash,
        CASE WHEN n % 11 = 3 THEN 'playback' ELSE 'videos' END AS kind,
        CASE WHEN n % 11 = 3 THEN 'playback' ELSE 'library/videos' END AS folder
    FROM generate_series(1, :videos) AS n
) AS numbers
"""


def insert(connection: Connection, videos: int) -> None:
    """Write records of files that are nowhere.

    Args:
        connection: to an empty catalogue.
        videos: how many.
    """
    connection.execute(text(_VIDEOS), {"videos": videos})
    connection.exec_driver_sql("ANALYZE catalogue.video")


def settle(connection: Connection) -> None:
    """What PostgreSQL does by itself after a while, done at once.

    Args:
        connection: in autocommit.
    """
    connection.exec_driver_sql("VACUUM (ANALYZE) catalogue.video")
