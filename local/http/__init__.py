"""A small HTTP/1.1 client for the servers of the stack."""

from local.http.client import HttpClient, HttpError, HttpResponse

__all__ = ["HttpClient", "HttpError", "HttpResponse"]
