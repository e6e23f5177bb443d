"""The laptop cloud: real engines, a gateway and function environments, started by the `footnote` command."""
