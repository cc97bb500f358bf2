"""`airflow-lite db …`."""

from __future__ import annotations

from airflow_lite.cli import context
from airflow_lite.errors import StoreError, UserError


def migrate(args: context.Args) -> int:
    """Make the store or bring it up to date."""
    from airflow_lite.store import migrate as steps
    from airflow_lite.store.revision import HEAD

    to = args.to_revision or HEAD
    if args.show_sql_only:
        steps.sql_of_upgrade(context.config(args), to=to)
    else:
        print(steps.migrate(context.config(args), to=to, use_files=args.use_migration_files))
    return 0


def check(args: context.Args) -> int:
    """Check that the store can be reached, `--retry` times more, and is of this revision."""
    import time

    from airflow_lite.store import migrate as steps
    from airflow_lite.store.revision import check_revision

    for left in range(args.retry, -1, -1):
        try:
            revision = steps.check(context.config(args))
        except StoreError:
            if not left:
                raise
            time.sleep(args.retry_delay)
        else:
            break
    check_revision(revision)
    if revision is None:
        print("Connection successful. There are no tables yet.")
        return 0
    from airflow_lite.cli import resolve

    resolve.fail_runs_of_dead_tests(args)
    print("Connection successful.")
    return 0


def reset(args: context.Args) -> int:
    """Delete all that the store holds."""
    from airflow_lite.scheduler.recovery.live_jobs import is_in_use
    from airflow_lite.store import migrate as steps

    config = context.config(args)
    if not context.confirmed(args, f"This deletes every record in {steps.shown_address(config)}."):
        print("Cancelled")
        return 1
    if is_in_use(config):
        raise UserError("A scheduler is running on this database. Stop it first.")
    print(steps.reset(config, skip_init=args.skip_init, use_files=args.use_migration_files))
    return 0
