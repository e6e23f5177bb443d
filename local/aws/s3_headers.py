"""Which headers belong to an object."""

from __future__ import annotations

KEPT_HEADERS = (
    "cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires",
)  # fmt: skip
_METADATA = "x-amz-meta-"


def kept_headers(headers: dict[str, str]) -> dict[str, str]:
    """What of a request's headers belongs to the object."""
    kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
    encoding = [part.strip() for part in kept.pop("content-encoding", "").split(",")]
    remaining = ",".join(part for part in encoding if part and part != "aws-chunked")
    if remaining:
        kept["content-encoding"] = remaining
    kept |= {name: value for name, value in headers.items() if name.startswith(_METADATA)}
    return kept
