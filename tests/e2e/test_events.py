"""Every function is called with its sample event, on the running stack."""

import json
from datetime import UTC, datetime

import pytest

from footnote.platform.manifest import DEPLOYED_ONLY, load_manifests
from local.paths import REPOSITORY
from local.recording import ORGANIZATION, USER, sample_event

pytestmark = pytest.mark.e2e
RECORDED_AT = "2025-10-16T09:30:00+00:00"
MANIFESTS = load_manifests(REPOSITORY / "functions")
RUN_HERE = [each for each in MANIFESTS if each.kind not in (*DEPLOYED_ONLY, "container")]


@pytest.mark.parametrize(
    "manifest", [each for each in MANIFESTS if each.kind != "container"], ids=lambda each: each.name
)
def test_the_recorded_event_is_what_would_be_sent_today(manifest):
    recorded = json.loads((REPOSITORY / "events" / f"{manifest.name}.json").read_text())
    assert recorded == sample_event(manifest, MANIFESTS), "run: python -m local.recording"


@pytest.mark.parametrize("manifest", RUN_HERE, ids=lambda each: each.name)
def test_it_can_be_replayed(stack, member, tmp_path, manifest):
    me = member.me()
    text = (REPOSITORY / "events" / f"{manifest.name}.json").read_text()
    text = text.replace(ORGANIZATION, me["organization"]["organization_id"]).replace(
        USER, me["user"]["user_id"]
    )
    # The sample is of a day in the past; an event that is older than all that is known of events is refused.
    text = text.replace(RECORDED_AT, datetime.now(UTC).isoformat(timespec="seconds"))
    event = tmp_path / "event.json"
    event.write_text(text)
    # API Gateway turns an authorizer's error into 401: the sample's token is nobody's.
    done = stack.footnote("invoke", manifest.name, "--event", str(event), check=manifest.kind != "authorizer")
    if manifest.kind == "authorizer":
        assert json.loads(done.stdout)["errorMessage"] == "Unauthorized"
    elif manifest.kind == "api":
        # The session of the sample is nobody's, which only the member's own account asks.
        wanted = {401} if manifest.name == "accounts" else {200, 201, 409}
        assert json.loads(done.stdout)["statusCode"] in wanted
    elif manifest.kind == "stream":
        prelude = json.loads(done.stdout[: done.stdout.index("\0")])
        assert prelude["statusCode"] == 200
    elif manifest.kind == "queue":
        assert json.loads(done.stdout)["batchItemFailures"] == []
    else:
        assert isinstance(json.loads(done.stdout), dict)
