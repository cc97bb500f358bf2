"""On PostgreSQL a database made at once and one made by the migration files are the same."""

from __future__ import annotations

import psycopg
import pytest

from airflow_lite.config import Config
from airflow_lite.store.migrate import migrate
from fixtures.databases import SETTING

#: What a schema is made of; columns by name, since steps add theirs at the end.
PARTS = {
    "columns": """
        SELECT table_name, column_name, data_type, character_maximum_length, is_nullable,
            column_default
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2""",
    "indexes": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
    "constraints": """
        SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2""",
    "triggers": """
        SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1""",
    "functions": """
        SELECT proname, prosrc FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace ORDER BY 1""",
}


@pytest.fixture
def schemas(tmp_path, new_postgres):
    made = []
    for use_files in (False, True):
        url = new_postgres()
        config = Config.load({"AIRFLOW_LITE_HOME": str(tmp_path), SETTING: url})
        migrate(config, use_files=use_files)
        with psycopg.connect(url) as connection:
            found = {part: connection.execute(query).fetchall() for part, query in PARTS.items()}
        made.append(
            {
                part: [row for row in rows if "alembic_version" not in str(row)]
                for part, rows in found.items()
            }
        )
    return made


@pytest.mark.parametrize("part", PARTS)
def test_both_ways_of_making_a_database_give_the_same_schema(schemas, part):
    at_once, by_steps = schemas
    assert at_once[part]
    assert by_steps[part] == at_once[part]
