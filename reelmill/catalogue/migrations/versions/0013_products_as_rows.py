"""Products, their sources, assets and scenes in rows; filled from what was kept with records and as analyses."""

import sqlalchemy as sa
from alembic import op

from reelmill.catalogue import former_assets, former_sources

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"


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
    former_sources.fill(op.get_bind())
    _refer("product_source", "product_id", "CASCADE")
    _refer("product_source", "source_id", "SET NULL")
    op.create_index("ix_catalogue_product_source_source_id", "product_source", ["source_id"], schema=SCHEMA)


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
    former_assets.fill(op.get_bind())
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
