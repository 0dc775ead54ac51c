"""What web copies save and what they cost, in columns; filled from what was kept with their records."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"

#: Of copies that are as they were made. Before costs were kept the sizes are known all the same, the source's as it is.
_FIGURES = """
UPDATE catalogue.video AS copy
SET source_size = coalesce((details -> 'cost' ->> 'bytes_in')::bigint, (
        SELECT source.size FROM catalogue.video AS source WHERE source.id = copy.source_video_id
    )),
    encode_cpu_seconds = (details -> 'cost' ->> 'cpu_seconds')::float,
    encode_joules = (details -> 'cost' ->> 'joules')::float,
    vmaf = (details -> 'cost' ->> 'vmaf')::float
WHERE directory_type = 'playback' AND recipe IS NOT NULL AND source_size IS NULL
"""

_SAVED = "COALESCE(source_size - size, '-9223372036854775808'::bigint)"


def upgrade() -> None:
    op.add_column("video", sa.Column("source_size", sa.BigInteger(), nullable=True), schema=SCHEMA)
    for name in ("encode_cpu_seconds", "encode_joules", "vmaf"):
        op.add_column("video", sa.Column(name, sa.Float(), nullable=True), schema=SCHEMA)
    op.get_bind().exec_driver_sql(_FIGURES)
    op.create_index("video_saved", "video", [sa.text(_SAVED)], schema=SCHEMA)
    op.create_index(
        "video_usable_copy",
        "video",
        ["id"],
        schema=SCHEMA,
        postgresql_include=["source_size", "size"],
        postgresql_where=sa.text("is_valid AND missing_since IS NULL AND source_size IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("video_usable_copy", table_name="video", schema=SCHEMA)
    op.drop_index("video_saved", table_name="video", schema=SCHEMA)
    for name in ("vmaf", "encode_joules", "encode_cpu_seconds", "source_size"):
        op.drop_column("video", name, schema=SCHEMA)
