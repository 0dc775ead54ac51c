"""What videos are listed by: when they came and how long they are; sizes, titles and paths have their indexes."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SCHEMA = "catalogue"


def upgrade() -> None:
    op.create_index("video_created_at", "video", ["created_at"], schema=SCHEMA)
    op.create_index("video_length", "video", [sa.text("COALESCE(duration, '-1'::double precision)")], schema=SCHEMA)


def downgrade() -> None:
    op.drop_index("video_length", table_name="video", schema=SCHEMA)
    op.drop_index("video_created_at", table_name="video", schema=SCHEMA)
