"""What every dashboard shares around its panels: variables, time range, annotations, links."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.models import dashboard as model

from grafana.panels import MIN_INTERVAL, SOURCE

TAG: Final = "pipeline"
SCHEMA: Final = 39


def build_frame(uid: str, title: str, description: str) -> grafana.Dashboard:
    """A dashboard without panels; its time range suits a demo run."""
    board = grafana.Dashboard(title).uid(uid).description(description).tags([TAG]).readonly()
    board.time("now-5m", "now").refresh("5s").timezone("browser").tooltip(model.DashboardCursorSync.CROSSHAIR)
    board.timepicker(grafana.TimePicker().refresh_intervals(["2s", "5s", "10s", "30s", "1m"]))
    board.with_variable(_datasource()).link(_links())
    for annotation in _annotations():
        board.annotation(annotation)
    return board


def _datasource() -> grafana.DatasourceVariable:
    chosen = model.VariableOption(text="Prometheus", value="prometheus", selected=True)
    return grafana.DatasourceVariable("datasource").label("Data source").type("prometheus").current(chosen)


def handler_variable() -> grafana.CustomVariable:
    """The endpoints whose HTTP series are shown. A list of its own: a variable that asks a metric may find nothing."""
    choices = {"all": "/register_events?", "one event": "/register_event", "batches": "/register_events"}
    options = [model.VariableOption(selected=name == "all", text=name, value=value) for name, value in choices.items()]
    variable = grafana.CustomVariable("handler").label("Endpoint").options(options).current(options[0])
    return variable.values(",".join(f"{name} : {value}" for name, value in choices.items()))


def _links() -> grafana.DashboardLink:
    link = grafana.DashboardLink("Dashboards").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.keep_time(True).include_vars(True).as_dropdown(False)


def _annotations() -> list[grafana.AnnotationQuery]:
    return [
        _annotation("Alerts", "red", 'ALERTS{alertstate="firing", severity!="none"}', "{{alertname}} {{partition}}"),
        _annotation(
            "Starts", "purple", 'time() - process_start_time_seconds{job=~"api|worker"} < 8', "{{job}} started"
        ),
        _annotation(
            "Rebalances", "yellow", "sum by (event) (increase(pipeline_consumer_rebalances_total[4s])) > 0", "{{event}}"
        ),
        _annotation("Runs", "blue", "time() - simulator_run_start_timestamp_seconds < 8", "simulator run"),
    ]


def _annotation(name: str, colour: str, expr: str, title: str) -> grafana.AnnotationQuery:
    return _Annotation(title).name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(expr)


class _Annotation(grafana.AnnotationQuery):
    """An annotation with the title of its marks, which the SDK leaves out."""

    def __init__(self, title: str) -> None:
        self._internal = _TitledQuery()
        self._internal.title = title


class _TitledQuery(model.AnnotationQuery):
    title = ""

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "titleFormat": self.title, "step": MIN_INTERVAL}
