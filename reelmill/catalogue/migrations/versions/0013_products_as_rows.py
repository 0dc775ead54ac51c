"""Of which videos each product is made, in rows; filled from what was kept with the records of products."""

import sqlalchemy as sa
from alembic import op

from reelmill.catalogue import former_sources

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"


def upgrade() -> None:
    op.create_table(
        "product_source",
        sa.Column("product_id", sa.Uuid(), sa.ForeignKey("catalogue.video.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("source_id", sa.Uuid(), sa.ForeignKey("catalogue.video.id", ondelete="SET NULL"), nullable=True),
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
    op.create_index("ix_catalogue_product_source_source_id", "product_source", ["source_id"], schema=SCHEMA)


def downgrade() -> None:
    op.drop_table("product_source", schema=SCHEMA)
