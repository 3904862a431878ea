"""Plots of tables, where a picture says it faster: rows as named points, as SVG."""

import io
from pathlib import Path

from training.errors import ReportError
from training.experiments.table import Table, write_report


def scatter(path: Path, table: Table, *, name: str, x: str, y: str) -> Path:
    """Draw the rows that have both figures, with names beside them, as SVG; equal tables give equal bytes.

    ``name``, ``x`` and ``y`` are columns of the table; their headings stand at the axes.

    Raises:
        ReportError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ReportError(f"plots need matplotlib: pip install 'sonoglot[train]' ({error})") from error
    buffer = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "sonoglot", "svg.fonttype": "none"}):
        figure = Figure(figsize=(8, 6), layout="constrained")
        axes = figure.add_subplot(title=table.title, xlabel=table.columns[x], ylabel=table.columns[y])
        for row in table.rows:
            across, up = row.get(x), row.get(y)
            if isinstance(across, float) and isinstance(up, float):
                axes.plot(across, up, ".", color="tab:blue", markersize=5)
                axes.annotate(
                    str(row[name]), (across, up), xytext=(2, 2), textcoords="offset points", fontsize=6
                )
        axes.grid(alpha=0.3)
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    write_report(path, buffer.getvalue())
    return path
