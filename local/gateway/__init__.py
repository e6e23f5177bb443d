"""API Gateway on a laptop: routes, identity, proxy events and limits, all read from `function.toml`."""

from local.gateway.server import Gateway

__all__ = ["Gateway"]
