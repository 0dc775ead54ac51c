"""What titles are searched by where they do not begin with a word, see ``title_pages``."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"


def upgrade() -> None:
    op.create_index(
        "video_title_inside",
        "video",
        [sa.literal_column("substr(title, 2)").label("rest")],
        schema=SCHEMA,
        postgresql_using="gin",
        postgresql_ops={"rest": "gin_trgm_ops"},
    )
    op.create_index(
        "video_title_unnormalised",
        "video",
        ["title"],
        schema=SCHEMA,
        postgresql_where=sa.text("title IS NOT NFC NORMALIZED"),
    )


def downgrade() -> None:
    op.drop_index("video_title_unnormalised", table_name="video", schema=SCHEMA)
    op.drop_index("video_title_inside", table_name="video", schema=SCHEMA)
