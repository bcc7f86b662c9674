"""The dashboards, as code; Grafana and the board draw the JSON rendered from it."""
