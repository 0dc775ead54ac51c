"""What web copies save and what they cost, in columns; filled from what was kept with their records."""

import sqlalchemy as sa
from alembic import op

from reelmill.catalogue import former_figures

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"

_SAVED = "COALESCE(source_size - size, '-9223372036854775808'::bigint)"


def upgrade() -> None:
    op.add_column("video", sa.Column("source_size", sa.BigInteger(), nullable=True), schema=SCHEMA)
    for name in ("encode_cpu_seconds", "encode_joules", "vmaf"):
        op.add_column("video", sa.Column(name, sa.Float(), nullable=True), schema=SCHEMA)
    former_figures.fill(op.get_bind())
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
