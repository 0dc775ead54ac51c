"""What videos are looked up by when people name them: file names and titles, as they are written or nearly so."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("video_filename_folded", "video", [sa.text("lower(normalize(filename))")], schema="catalogue")
    op.create_index("video_title_folded", "video", [sa.text("left(lower(normalize(title)), 200)")], schema="catalogue")
    op.create_index(
        "video_filename_search",
        "video",
        ["filename"],
        schema="catalogue",
        postgresql_using="gin",
        postgresql_ops={"filename": "gin_trgm_ops"},
    )


def downgrade() -> None:
    op.drop_index("video_filename_search", table_name="video", schema="catalogue")
    op.drop_index("video_title_folded", table_name="video", schema="catalogue")
    op.drop_index("video_filename_folded", table_name="video", schema="catalogue")
