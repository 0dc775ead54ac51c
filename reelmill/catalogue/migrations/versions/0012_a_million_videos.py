"""What a catalogue of a million videos is read by."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"


#: Until now a video was a product where it lay in a folder of products; some jobs had been told another.
MADE = """
UPDATE catalogue.video SET is_product = true
WHERE recipe IS NOT NULL OR made_by IS NOT NULL
    OR directory_type IN ('playback', 'compilations', 'digests', 'clips', 'highlights')
"""


def upgrade() -> None:
    op.add_column(
        "video", sa.Column("is_product", sa.Boolean(), nullable=False, server_default=sa.false()), schema=SCHEMA
    )
    op.execute(MADE)
    op.add_column("video", sa.Column("checked_depth", sa.String(), nullable=True), schema=SCHEMA)
    op.add_column("video", sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True), schema=SCHEMA)
    op.create_index("video_size", "video", ["size", "id"], schema=SCHEMA)
    op.create_index(
        "video_usable_source",
        "video",
        ["id"],
        schema=SCHEMA,
        postgresql_include=["duration", "orientation"],
        postgresql_where=sa.text("is_valid AND missing_since IS NULL AND duration > 0 AND NOT is_product"),
    )
    op.execute('ALTER TABLE catalogue.video ALTER COLUMN path TYPE varchar COLLATE "C"')


def downgrade() -> None:
    op.drop_index("video_size", table_name="video", schema=SCHEMA)
    op.drop_index("video_usable_source", table_name="video", schema=SCHEMA)
    op.drop_column("video", "checked_at", schema=SCHEMA)
    op.drop_column("video", "checked_depth", schema=SCHEMA)
    op.drop_column("video", "is_product", schema=SCHEMA)
    op.execute('ALTER TABLE catalogue.video ALTER COLUMN path TYPE varchar COLLATE "default"')
