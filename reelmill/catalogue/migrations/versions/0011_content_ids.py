"""Content ids: what a file holds, whatever it is called; filled in as files are read, so that nothing is read now."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("video", "fingerprint", "analysis"):
        op.add_column(table, sa.Column("content_id", sa.String(), nullable=True), schema="catalogue")
    op.add_column("video", sa.Column("ctime_ns", sa.BigInteger(), nullable=True), schema="catalogue")
    op.create_index("ix_catalogue_video_content_id", "video", ["content_id"], schema="catalogue")
    op.create_index("ix_catalogue_fingerprint_content_id", "fingerprint", ["content_id"], schema="catalogue")
    op.create_index("analysis_of_content", "analysis", ["content_id", "kind"], schema="catalogue")
    op.create_index(
        "video_without_content_id",
        "video",
        ["size", "mtime_ns"],
        schema="catalogue",
        postgresql_where=sa.text("content_id IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("video_without_content_id", table_name="video", schema="catalogue")
    op.drop_index("analysis_of_content", table_name="analysis", schema="catalogue")
    op.drop_index("ix_catalogue_fingerprint_content_id", table_name="fingerprint", schema="catalogue")
    op.drop_index("ix_catalogue_video_content_id", table_name="video", schema="catalogue")
    op.drop_column("video", "ctime_ns", schema="catalogue")
    for table in ("analysis", "fingerprint", "video"):
        op.drop_column(table, "content_id", schema="catalogue")
