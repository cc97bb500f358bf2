"""Find out what is installed in this Python environment, and how big it is.

An example on data that every machine has. One task lists the installed distributions in groups,
one task per group measures them side by side, one joins the parts, and two write the reports:
`report.csv` for a spreadsheet, `report.html` to look at.

Run it again with `airflow-lite dags test installed_packages`.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from html import escape
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from airflow_lite import DAG, Param, task

GROUPS = 6
COLUMNS = ("name", "version", "files", "bytes", "python_lines", "dependencies")

Row = dict[str, Any]


def measure(distribution: Distribution) -> Row:
    """Count one distribution's files, bytes, lines of Python and declared dependencies."""
    files = size = lines = 0
    for entry in distribution.files or ():
        path = Path(str(distribution.locate_file(entry)))
        if not path.is_file():
            continue
        files += 1
        size += path.stat().st_size
        if path.suffix == ".py":
            lines += path.read_bytes().count(b"\n")
    return {
        "name": distribution.metadata["Name"],
        "version": distribution.version,
        "files": files,
        "bytes": size,
        "python_lines": lines,
        "dependencies": len(distribution.requires or ()),
    }


def readable(size: float) -> str:
    """Return a number of bytes as people write it."""
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def bars(rows: list[Row], width: int = 860, height: int = 24) -> str:
    """Return an SVG chart: one bar per distribution, as long as its bytes."""
    largest = max((row["bytes"] for row in rows), default=0) or 1
    label, room = 200, 90
    parts = []
    for number, row in enumerate(rows):
        y = number * height
        length = max(1, (width - label - room) * row["bytes"] / largest)
        text = y + height * 0.68
        parts.append(
            f'<text x="{label - 8}" y="{text:.0f}" text-anchor="end">{escape(row["name"])}</text>'
            f'<rect x="{label}" y="{y + 4}" width="{length:.1f}" height="{height - 8}" rx="3"/>'
            f'<text x="{label + length + 6:.1f}" y="{text:.0f}" class="size">'
            f"{readable(row['bytes'])}</text>"
        )
    return (
        f'<svg viewBox="0 0 {width} {len(rows) * height}" role="img"'
        f' aria-label="Largest distributions by bytes">{"".join(parts)}</svg>'
    )


def page(rows: list[Row], made_at: str, top: int) -> str:
    """Return the report as one HTML page that needs nothing else."""
    cells = "".join(
        f"<tr><td>{escape(row['name'])}</td><td>{escape(row['version'])}</td>"
        f"<td class='n'>{row['files']:,}</td><td class='n'>{row['bytes']:,}</td>"
        f"<td class='n'>{row['python_lines']:,}</td><td class='n'>{row['dependencies']}</td></tr>"
        for row in rows
    )
    total = sum(row["bytes"] for row in rows)
    lines = sum(row["python_lines"] for row in rows)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Installed packages</title>
<style>
  :root {{ color-scheme: light dark; --bar: #3b7dd8; --line: #8884; }}
  body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 900px;
         padding: 0 1rem; }}
  h1 {{ margin-bottom: 0; }} .about {{ color: #777; margin-top: .2rem; }}
  svg {{ width: 100%; height: auto; margin: 1rem 0; }}
  svg text {{ font-size: 12px; fill: currentColor; }} svg .size {{ fill: #777; }}
  svg rect {{ fill: var(--bar); }}
  table {{ border-collapse: collapse; width: 100%; }}
  th, td {{ text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }}
  .n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
</style></head><body>
<h1>Installed packages</h1>
<p class="about">{len(rows)} distributions, {readable(total)}, {lines:,} lines of Python.
Measured {escape(made_at)} by airflow-lite.</p>
<h2>The {min(top, len(rows))} largest</h2>
{bars(rows[:top])}
<h2>All of them</h2>
<table><thead><tr><th>name</th><th>version</th><th class="n">files</th><th class="n">bytes</th>
<th class="n">lines of Python</th><th class="n">dependencies</th></tr></thead>
<tbody>{cells}</tbody></table>
</body></html>
"""


def report_folder(run_id: str) -> Path:
    """Return the folder of one run's reports, beside the DAG folder."""
    safe = "".join(c if c.isalnum() or c in "._-" else "_" for c in run_id)
    folder = Path(__file__).resolve().parent.parent / "reports" / "installed_packages" / safe
    folder.mkdir(parents=True, exist_ok=True)
    return folder


with DAG(
    "installed_packages",
    description="Measures every distribution installed in this environment",
    schedule=None,
    start_date=datetime(2024, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 1, "retry_delay": timedelta(seconds=5)},
    params={"top": Param(15, type="integer", minimum=1, description="Bars in the chart")},
    tags=["example"],
    doc_md=__doc__,
):

    @task
    def list_distributions() -> list[list[str]]:
        """Deal the names of the installed distributions into groups."""
        names = sorted({found.metadata["Name"] for found in distributions()}, key=str.lower)
        print(f"Found {len(names)} distributions")
        return [names[number::GROUPS] for number in range(GROUPS)]

    @task
    def measure_group(groups: list[list[str]], number: int) -> list[Row]:
        """Measure the distributions of one group."""
        rows = [measure(Distribution.from_name(name)) for name in groups[number]]
        for row in rows:
            print(f"{row['name']} {row['version']}: {row['files']} files, {row['bytes']} bytes")
        return rows

    @task
    def join(parts: list[list[Row]]) -> list[Row]:
        """Put the parts together, the largest first."""
        return sorted((row for part in parts for row in part), key=lambda row: -row["bytes"])

    @task
    def write_csv(rows: list[Row], run_id: str) -> str:
        """Write report.csv and return its path."""
        path = report_folder(run_id) / "report.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
        print(f"Wrote {path}")
        return str(path)

    @task
    def write_html(rows: list[Row], run_id: str, ts: str, params: dict[str, Any]) -> str:
        """Write report.html and return its path."""
        path = report_folder(run_id) / "report.html"
        path.write_text(page(rows, ts, params["top"]), encoding="utf-8")
        print(f"Wrote {path}")
        return str(path)

    groups = list_distributions()
    parts = [
        measure_group.override(task_id=f"measure_group_{number + 1}")(groups, number)
        for number in range(GROUPS)
    ]
    rows = join(parts)
    write_csv(rows)
    write_html(rows)
