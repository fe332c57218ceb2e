"""The plots of the benchmarks show what the tables beside them say."""

from __future__ import annotations

import re

import pytest
from bench.plots import IMAGES, PAGE, PLOTS, Plot, figures


@pytest.mark.parametrize("plot", PLOTS, ids=[plot.name for plot in PLOTS])
def test_a_plot_shows_the_figures_of_its_table(plot: Plot) -> None:
    image = (IMAGES / f"benchmarks-{plot.name}.svg").read_text()
    shown = {text.replace(",", "") for text in re.findall(r">([\d.,]+)</text>", image)}
    told = figures(PAGE.read_text(), plot)

    for values in told["series"].values():
        for value in values:
            assert (f"{value:.3g}" if value < 1000 else f"{value:.0f}") in shown
    for label in told["labels"]:
        assert f">{label}</text>" in image
    assert f"images/benchmarks-{plot.name}.svg" in PAGE.read_text()
