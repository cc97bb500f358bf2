"""DAG files are named by their path below the DAG folder, where they were named by a whole path.

A file that lies outside of the DAG folder in force owns nothing: its DAGs are inactive until a
file of the folder has them. Every file is parsed again, since fingerprints named modules by whole
paths.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the paths below the DAG folder relative, and let go of all others."""
    prefix = f"{context.config.attributes['dags_folder']}/"
    for table, column in (("dag_file", "path"), ("dag", "fileloc")):
        statement = sa.text(
            f"UPDATE {table} SET {column} = substr({column}, :start)"  # noqa: S608
            f" WHERE substr({column}, 1, :size) = :prefix"
        )
        values = {"start": len(prefix) + 1, "size": len(prefix), "prefix": prefix}
        op.execute(statement.bindparams(**values))
    op.execute("DELETE FROM dag_file WHERE substr(path, 1, 1) = '/'")
    op.execute("UPDATE dag_file SET fingerprint = ''")
    op.execute(
        "UPDATE dag SET is_active = false, row_version = row_version + 1"
        " WHERE substr(fileloc, 1, 1) = '/'"
    )
