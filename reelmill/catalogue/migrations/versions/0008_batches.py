"""The batch table, and the index that most batches go by."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("job_type", sa.String(), nullable=False),
        sa.Column("video_parameter", sa.String(), nullable=False),
        sa.Column("parameters", postgresql.JSONB(), nullable=False),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("filter", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("cursor", sa.Uuid(), nullable=True),
        sa.Column("fed", sa.Boolean(), nullable=False),
        sa.Column("matched", sa.Integer(), nullable=False),
        sa.Column("submitted", sa.Integer(), nullable=False),
        sa.Column("folded", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("refusals", postgresql.JSONB(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        schema="catalogue",
    )
    op.create_index(op.f("ix_catalogue_batch_state"), "batch", ["state"], unique=False, schema="catalogue")
    op.create_index(
        "video_without_thumbnail",
        "video",
        ["directory_type", "id"],
        schema="catalogue",
        postgresql_where=sa.text("thumbnail_path IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("video_without_thumbnail", table_name="video", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_batch_state"), table_name="batch", schema="catalogue")
    op.drop_table("batch", schema="catalogue")
