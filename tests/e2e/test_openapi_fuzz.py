"""Schemathesis against every route of the running stack (reliability.md, 3.5): good and bad requests.

The stack is asked as a stranger would ask it, by its own description: in the gate a few hundred requests a
group of routes, with `FOOTNOTE_NIGHTLY=1` 20,000 in all and other ones each time.
"""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

NIGHTLY = bool(os.environ.get("FOOTNOTE_NIGHTLY"))
# Without `ensure_resource_availability`: of a request with two ids it takes the 404 about the one that was
# made up for one about the other. What `use_after_free` and `ignored_auth` are known to mistake is not here.
CHECKS = (
    "not_a_server_error",
    "response_schema_conformance",
    "negative_data_rejection",
    "ignored_auth",
    "unsupported_method",
    "use_after_free",
)


class Group(NamedTuple):
    """Routes that one member asks.

    Attributes:
        paths: A pattern of their paths.
        examples, nightly: How many requests are generated for an operation, in the gate and nightly; the
            description alone gives about thirty more.
        least: Requests that there must have been nightly.
    """

    paths: str
    examples: int
    nightly: int
    least: int


# Each is asked by the owner of an organization of its own, for it changes what others would meet: rates and
# caps, budgets and plans, and the session itself.
GROUPS = {
    "billing": Group("^/billing", 8, 300, 8_600),
    "quota": Group("^/quota(?!/rates)", 8, 300, 1_800),
    "rates": Group("^/quota/rates", 8, 300, 600),
    "session": Group("^/auth/logout", 2, 10, 10),
    "others": Group("^/(?!billing|quota|auth/logout)", 4, 220, 9_000),
}


def fuzz(stack, token, folder, paths, examples):
    """Asks the routes whose paths match; what was found, and the report of it as text."""
    report = folder / "report.json"
    result = subprocess.run(
        [
            Path(sys.executable).parent / "schemathesis", "run", f"{stack.url}/openapi.json",
            "--header", f"Authorization: Bearer {token}",
            "--include-path-regex", paths,
            "--phases", "coverage,fuzzing,stateful",
            "--checks", ",".join(CHECKS),
            "--max-examples", str(examples),
            "--seed", str(secrets.randbelow(2**32) if NIGHTLY else 1),
            "--continue-on-failure", "--no-shrink", "--suppress-health-check", "all", "--warnings", "off",
            "--request-timeout", "60",
            "--report", "json", "--report-json-path", report,
        ],
        cwd=folder, capture_output=True, text=True, check=False, timeout=3_000,
    )  # fmt: skip
    assert report.exists(), result.stdout + result.stderr
    return json.loads(report.read_text()), result.stdout + result.stderr


@pytest.mark.slow
@pytest.mark.timeout(3_600 if NIGHTLY else 300)
@pytest.mark.parametrize("group", GROUPS)
def test_no_request_fails_the_server_or_breaks_the_description(stack, member, tmp_path, group):
    asked = GROUPS[group]
    found, output = fuzz(
        stack, member.token, tmp_path, asked.paths, asked.nightly if NIGHTLY else asked.examples
    )
    print(found["test_cases"]["generated"], "requests")
    assert found["failures"] == [], output
    assert found["exit_code"] == 0, output
    assert found["complete"], output
    # That nothing was found must not mean that nothing was asked.
    operations = found["operations"]
    assert operations["tested"] == operations["selected"] > 0
    assert found["test_cases"]["generated"] > 10 * operations["tested"]
    assert found["phases"]["coverage"]["status"] == found["phases"]["fuzzing"]["status"] == "success"
    assert not NIGHTLY or found["test_cases"]["generated"] >= asked.least


def test_twenty_thousand_requests_a_night_leave_no_route_out(stack):
    assert sum(group.least for group in GROUPS.values()) >= 20_000
    document = httpx.get(f"{stack.url}/openapi.json", timeout=60, trust_env=False).json()
    for path in document["paths"]:
        assert sum(bool(re.search(group.paths, path)) for group in GROUPS.values()) == 1, path
