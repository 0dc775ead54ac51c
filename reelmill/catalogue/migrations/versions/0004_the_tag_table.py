"""The tag table."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tag",
        sa.Column("video_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("by_person", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["video_id"], ["catalogue.video.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("video_id", "name"),
        schema="catalogue",
    )
    op.create_index(op.f("ix_catalogue_tag_name"), "tag", ["name"], unique=False, schema="catalogue")


def downgrade() -> None:
    op.drop_index(op.f("ix_catalogue_tag_name"), table_name="tag", schema="catalogue")
    op.drop_table("tag", schema="catalogue")
