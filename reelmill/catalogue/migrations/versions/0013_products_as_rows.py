"""Products, their sources, assets and scenes in rows; filled from what was kept with records and as analyses."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"

# What products were made of stands in what was kept with their records; of grids nothing was. Each statement is one
# over the whole catalogue, so that a million videos take no memory here.

#: Sequences name their sources by path. What is no array ``jsonb_array_elements`` refuses before WHERE leaves it out.
_FROM_SEQUENCES = """
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
_FROM_SEGMENTS = """
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
_FROM_WHOLE = """
INSERT INTO catalogue.product_source (product_id, number, source_id, source_path, source_start, source_end)
SELECT product.id, 0, source.id, source.path,
    CASE jsonb_typeof(product.details -> 'start') WHEN 'number' THEN (product.details ->> 'start')::float END,
    CASE jsonb_typeof(product.details -> 'end') WHEN 'number' THEN (product.details ->> 'end')::float END
FROM catalogue.video AS product
JOIN catalogue.video AS source ON source.id = product.source_video_id
WHERE NOT EXISTS (SELECT FROM catalogue.product_source AS known WHERE known.product_id = product.id)
"""

# GIFs and images of scenes were on the disk alone: ``doctor --repair`` records them.

_FROM_RECORDS = """
INSERT INTO catalogue.asset (video_id, path, kind, made_at)
SELECT id, thumbnail_path, 'thumbnail', updated_at FROM catalogue.video WHERE thumbnail_path IS NOT NULL
ON CONFLICT DO NOTHING
"""

#: Of storyboards those of what the files held at the last scan; size and time stand for contents that were not read.
_FROM_ANALYSES = """
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

_NO_ANALYSES = "DELETE FROM catalogue.analysis WHERE kind = 'storyboard'"

#: An older version looks for storyboards among the analyses.
_STORYBOARDS = """
INSERT INTO catalogue.analysis (video_id, kind, version, content_id, size, mtime_ns, result, made_at)
SELECT DISTINCT ON (video.id) video.id, 'storyboard', 'keyframes-1', asset.content_id, video.size, video.mtime_ns,
    convert_to(asset.path, 'UTF8'), asset.made_at
FROM catalogue.asset JOIN catalogue.video ON video.id = asset.video_id
WHERE asset.kind = 'storyboard' ORDER BY video.id, asset.made_at DESC
"""


def upgrade() -> None:
    _make_sources()
    _make_assets()
    _make_scenes()


def _make_sources() -> None:
    op.create_table(
        "product_source",
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Uuid(), nullable=True),
        sa.Column("source_path", sa.String(), nullable=False),
        sa.Column("source_start", sa.Float(), nullable=True),
        sa.Column("source_end", sa.Float(), nullable=True),
        sa.Column("starts_at", sa.Float(), nullable=True),
        sa.Column("ends_at", sa.Float(), nullable=True),
        sa.Column("cell", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("product_id", "number"),
        schema=SCHEMA,
    )
    _run(_FROM_SEQUENCES, _FROM_SEGMENTS, _FROM_WHOLE)
    _refer("product_source", "product_id", "CASCADE")
    _refer("product_source", "source_id", "SET NULL")
    op.create_index("ix_catalogue_product_source_source_id", "product_source", ["source_id"], schema=SCHEMA)


def _run(*statements: str) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


def _make_assets() -> None:
    op.create_table(
        "asset",
        sa.Column("video_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(collation="C"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("content_id", sa.String(), nullable=True),
        sa.Column("recipe", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("video_id", "path"),
        schema=SCHEMA,
    )
    _run(_FROM_RECORDS, _FROM_ANALYSES, _NO_ANALYSES)
    _refer("asset", "video_id", "CASCADE")
    op.create_index("ix_catalogue_asset_path", "asset", ["path"], schema=SCHEMA)


def _refer(table: str, column: str, ondelete: str) -> None:
    """Once the rows are there: all are then looked at together, and not each by itself."""
    op.create_foreign_key(
        None, table, "video", [column], ["id"], source_schema=SCHEMA, referent_schema=SCHEMA, ondelete=ondelete
    )


def _make_scenes() -> None:
    """They come as jobs find them: the cuts of before are read from the analyses for as long."""
    op.create_table(
        "scene",
        sa.Column("video_id", sa.Uuid(), sa.ForeignKey("catalogue.video.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.Float(), nullable=False),
        sa.Column("ends_at", sa.Float(), nullable=False),
        sa.Column("image", sa.String(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("content_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("video_id", "number"),
        schema=SCHEMA,
    )


def downgrade() -> None:
    op.drop_table("scene", schema=SCHEMA)
    op.execute(_STORYBOARDS)
    op.drop_table("asset", schema=SCHEMA)
    op.drop_table("product_source", schema=SCHEMA)
