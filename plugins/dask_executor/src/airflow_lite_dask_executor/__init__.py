"""DaskExecutor: tasks on a Dask cluster."""
