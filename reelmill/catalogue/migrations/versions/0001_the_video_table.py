"""The video table."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Prefect's migrations create it too, in the same database; whoever is first wins.
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    op.create_table(
        "video",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("directory_type", sa.String(), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("container", sa.String(), nullable=True),
        sa.Column("video_codec", sa.String(), nullable=True),
        sa.Column("audio_codec", sa.String(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("rotation", sa.Integer(), nullable=True),
        sa.Column("orientation", sa.String(), nullable=True),
        sa.Column("frame_rate", sa.String(), nullable=True),
        sa.Column("duration", sa.Float(), nullable=True),
        sa.Column("bit_rate", sa.BigInteger(), nullable=True),
        sa.Column("audio_tracks", sa.Integer(), nullable=True),
        sa.Column("subtitle_tracks", sa.Integer(), nullable=True),
        sa.Column("is_valid", sa.Boolean(), nullable=False),
        sa.Column("validation_error", sa.String(), nullable=True),
        sa.Column("missing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("thumbnail_path", sa.String(), nullable=True),
        sa.Column("source_video_id", sa.Uuid(), nullable=True),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("recipe", sa.String(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=True),
        sa.Column("reencode_job_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_video_id"],
            ["catalogue.video.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("path"),
        sa.UniqueConstraint("recipe"),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_catalogue_video_directory_type"), "video", ["directory_type"], unique=False, schema="catalogue"
    )
    op.create_index(op.f("ix_catalogue_video_is_valid"), "video", ["is_valid"], unique=False, schema="catalogue")
    op.create_index(op.f("ix_catalogue_video_orientation"), "video", ["orientation"], unique=False, schema="catalogue")
    op.create_index(
        op.f("ix_catalogue_video_source_video_id"), "video", ["source_video_id"], unique=False, schema="catalogue"
    )
    op.create_index(
        "video_title_search",
        "video",
        ["title"],
        schema="catalogue",
        postgresql_using="gin",
        postgresql_ops={"title": "gin_trgm_ops"},
    )


def downgrade() -> None:
    op.drop_index("video_title_search", table_name="video", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_video_source_video_id"), table_name="video", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_video_orientation"), table_name="video", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_video_is_valid"), table_name="video", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_video_directory_type"), table_name="video", schema="catalogue")
    op.drop_table("video", schema="catalogue")
