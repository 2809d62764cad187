"""The panels and dashboards that we build: few kinds, each with a description that says what it shows and what to do.

In: titles, texts, PromQL. Out: Grafana's builders, for 11.6. The data source is a dashboard variable, so that the JSON
can be imported anywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, stat, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DataSourceRef,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG = "llm-gateway"
WIDTH = 24  # columns of Grafana's grid
HEIGHT, NUMBER_HEIGHT = 8, 5  # rows of that grid

Panel = stat.Panel | timeseries.Panel


@dataclass(slots=True, frozen=True)
class Query:
    """`legend` names each series, with {{label}} for a label's value."""

    legend: str
    expr: str


def number(
    title: str, tells: str, expr: str, unit: str = "short", *, worry_at: float | None = None, low_is_bad: bool = False
) -> stat.Panel:
    """The present value, with its history behind it; red from `worry_at` on, or below it."""
    panel = (
        stat.Panel()
        .title(title)
        .description(tells)
        .datasource(SOURCE)
        .unit(unit)
        .no_value("0")  # a counter that never counted does not exist yet
        .height(NUMBER_HEIGHT)
        .graph_mode(BigValueGraphMode.AREA)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_target(0, Query(title, expr)))
    )
    return panel.thresholds(_limit(worry_at, low_is_bad))


def lines(
    title: str,
    tells: str,
    queries: Mapping[str, str],
    unit: str = "short",
    *,
    limit: float | None = None,
    stacked: bool = False,
) -> timeseries.Panel:
    """`queries`: PromQL, by the legend of its series. `limit` is drawn as a red line."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(tells)
        .datasource(SOURCE)
        .unit(unit)
        .min(0)
        .height(HEIGHT)
        .fill_opacity(30 if stacked else 8)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    for place, (legend, expr) in enumerate(queries.items()):
        panel.with_target(_target(place, Query(legend, expr)))
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if limit is not None:
        panel.thresholds(_limit(limit))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.LINE))
    return panel


def usual(title: str, tells: str, anomaly_name: str, unit: str) -> timeseries.Panel:
    """A level of anomaly.yml, over the band that is usual for this time of day."""
    most, least, of = "usual, at most", "usual, at least", f'{{anomaly_name="{anomaly_name}"}}'
    queries = {most: f"anomaly:upper_band{of}", least: f"anomaly:lower_band{of}", "now": f"anomaly:level{of}"}
    no_line = DynamicConfigValue("custom.lineWidth", 0)
    filled = [DynamicConfigValue("custom.fillBelowTo", least), DynamicConfigValue("custom.fillOpacity", 15)]
    return (
        lines(title, tells, queries, unit)
        .fill_opacity(0)
        .override_by_name(most, [no_line, *filled])
        .override_by_name(least, [no_line])
    )


def board(uid: str, title: str, tells: str, rows: Mapping[str, Sequence[Panel]]) -> Dashboard:
    """`rows`: panels under a heading; the panels of one row share its width."""
    built = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(tells)
        .tags([TAG])
        .refresh("10s")
        .time("now-30m", "now")
        .timezone("browser")
        .readonly()  # changes belong in the Python source
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .link(dashboard.DashboardLink("The others").tags([TAG]).as_dropdown(True).keep_time(True))
    )
    numbered = 0
    for heading, panels in rows.items():
        numbered += 1
        built.with_row(dashboard.Row(heading).id(numbered))
        for panel in panels:
            numbered += 1
            built.with_panel(panel.id(numbered).span(WIDTH // len(panels)))
    return built.build()


def _target(place: int, query: Query) -> Dataquery:
    return Dataquery().ref_id(chr(ord("A") + place)).expr(query.expr).legend_format(query.legend).range()


def _limit(at: float | None, low_is_bad: bool = False) -> dashboard.ThresholdsConfig:
    below, above = ("red", "green") if low_is_bad else ("green", "red")
    steps = [Threshold(value=None, color="green")]
    if at is not None:
        steps = [Threshold(value=None, color=below), Threshold(value=at, color=above)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
