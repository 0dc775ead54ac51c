"""What products were made of that were recorded before that had rows: read from what was kept with their records.

Of grids nothing was kept. Each statement is one over the whole catalogue, so that a million videos take no memory here.
The migration that brings the rows runs them, and so does the import of an export of before; once more adds nothing.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

#: Sequences name their sources by path. What is no array ``jsonb_array_elements`` refuses before WHERE leaves it out.
_SEQUENCES: Final = """
INSERT INTO catalogue.product_source (product_id, number, source_id, source_path, starts_at, ends_at)
SELECT product.id, segment.number - 1, source.id, segment.value ->> 'source',
    (segment.value ->> 'start')::float, (segment.value ->> 'start')::float + (segment.value ->> 'duration')::float
FROM catalogue.video AS product
CROSS JOIN LATERAL jsonb_array_elements(
    CASE jsonb_typeof(product.details -> 'pieces') WHEN 'array' THEN product.details -> 'pieces' ELSE '[]' END
) WITH ORDINALITY AS segment (value, number)
LEFT JOIN catalogue.video AS source ON source.path = segment.value ->> 'source' AND source.id <> product.id
WHERE product.is_product AND product.details IS NOT NULL AND segment.value ->> 'source' IS NOT NULL
ON CONFLICT DO NOTHING
"""

#: Digests kept their segments, which follow one another, and highlights their moments, which fade into one another.
_SEGMENTS: Final = """
INSERT INTO catalogue.product_source (
    product_id, number, source_id, source_path, source_start, source_end, starts_at, ends_at
)
SELECT id, number - 1, source_id, source_path, first, last, CASE WHEN cut THEN until - (last - first) END,
    CASE WHEN cut THEN until END
FROM (
    SELECT product.id, segment.number, source.id AS source_id, source.path AS source_path,
        (segment.value ->> 'start')::float AS first, (segment.value ->> 'end')::float AS last,
        product.details ? 'segments' AS cut,
        sum((segment.value ->> 'end')::float - (segment.value ->> 'start')::float)
            OVER (PARTITION BY product.id ORDER BY segment.number) AS until
    FROM catalogue.video AS product
    JOIN catalogue.video AS source ON source.id = product.source_video_id
    CROSS JOIN LATERAL jsonb_array_elements(
        CASE 'array'
            WHEN jsonb_typeof(product.details -> 'segments') THEN product.details -> 'segments'
            WHEN jsonb_typeof(product.details -> 'moments') THEN product.details -> 'moments'
            ELSE '[]'
        END
    ) WITH ORDINALITY AS segment (value, number)
    WHERE product.details IS NOT NULL
) AS segments
ON CONFLICT DO NOTHING
"""

#: Clips and scenes kept where they begin and end; what kept nothing is a copy of the whole.
_WHOLE: Final = """
INSERT INTO catalogue.product_source (product_id, number, source_id, source_path, source_start, source_end)
SELECT product.id, 0, source.id, source.path,
    CASE jsonb_typeof(product.details -> 'start') WHEN 'number' THEN (product.details ->> 'start')::float END,
    CASE jsonb_typeof(product.details -> 'end') WHEN 'number' THEN (product.details ->> 'end')::float END
FROM catalogue.video AS product
JOIN catalogue.video AS source ON source.id = product.source_video_id
WHERE NOT EXISTS (SELECT FROM catalogue.product_source AS known WHERE known.product_id = product.id)
"""


def fill(connection: Connection) -> None:
    """Give every product without rows those that its record gives away.

    Args:
        connection: to a catalogue that has the table.
    """
    for statement in (_SEQUENCES, _SEGMENTS, _WHOLE):
        connection.exec_driver_sql(statement)
