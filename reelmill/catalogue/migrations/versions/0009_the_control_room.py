"""The control room: who did what, who may, and how many finished jobs were archived."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("details", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="catalogue",
    )
    op.create_index("audit_of_job", "audit", ["job_id", "id"], schema="catalogue")
    op.create_index(op.f("ix_catalogue_audit_at"), "audit", ["at"], unique=False, schema="catalogue")
    op.create_table(
        "api_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        schema="catalogue",
    )
    op.create_table(
        "archived_jobs",
        sa.Column("job_type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("jobs", sa.BigInteger(), nullable=False),
        sa.Column("dead_letters", sa.BigInteger(), nullable=False),
        sa.Column("retries", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("job_type", "status", "engine"),
        schema="catalogue",
    )
    op.create_table(
        "archived_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=False),
        sa.Column("written", sa.Boolean(), nullable=False),
        sa.Column("job_type", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("engine", sa.String(), nullable=False),
        sa.Column("dead_letters", sa.Integer(), nullable=False),
        sa.Column("retries", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema="catalogue",
    )
    op.create_index(op.f("ix_catalogue_archived_run_file"), "archived_run", ["file"], unique=False, schema="catalogue")
    op.create_table(
        "metric_total",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("labels", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", "labels"),
        schema="catalogue",
    )
    op.create_table(
        "tallied_ending",
        sa.Column("state_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("state_id"),
        schema="catalogue",
    )
    op.create_index(
        op.f("ix_catalogue_tallied_ending_seen_at"), "tallied_ending", ["seen_at"], unique=False, schema="catalogue"
    )
    op.add_column("site", sa.Column("token_key", sa.String(), nullable=True), schema="catalogue")


def downgrade() -> None:
    op.drop_column("site", "token_key", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_archived_run_file"), table_name="archived_run", schema="catalogue")
    op.drop_table("archived_run", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_tallied_ending_seen_at"), table_name="tallied_ending", schema="catalogue")
    op.drop_table("tallied_ending", schema="catalogue")
    op.drop_table("metric_total", schema="catalogue")
    op.drop_table("archived_jobs", schema="catalogue")
    op.drop_table("api_token", schema="catalogue")
    op.drop_index(op.f("ix_catalogue_audit_at"), table_name="audit", schema="catalogue")
    op.drop_index("audit_of_job", table_name="audit", schema="catalogue")
    op.drop_table("audit", schema="catalogue")
