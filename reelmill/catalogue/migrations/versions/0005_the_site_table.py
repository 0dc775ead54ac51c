"""The site table: one row, whose id the media root carries too."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("singleton", sa.Boolean(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("singleton", name="one_site"),
        sa.PrimaryKeyConstraint("singleton"),
        schema="catalogue",
    )
    # Migrations run one process at a time, so that there is one id from the first moment on.
    op.execute("INSERT INTO catalogue.site (singleton, id, made_at) VALUES (true, gen_random_uuid(), now())")


def downgrade() -> None:
    op.drop_table("site", schema="catalogue")
