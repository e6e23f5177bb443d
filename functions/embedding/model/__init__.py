"""The model directory: how it is built from published weights, described, verified and read."""
