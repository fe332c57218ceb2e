"""Traces: a thin seam, and OpenTelemetry behind it where that is configured."""
