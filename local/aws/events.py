"""Events as AWS's services send them to a function."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus

from local.aws.moments import iso
from local.aws.objects import ObjectVersion
from local.aws.queues import Message, QueueDefinition
from local.stack import ACCOUNT_ID, REGION

NOTIFICATION_ID = "footnote-documents"


def s3_event(name: str, version: ObjectVersion) -> dict[str, Any]:
    """S3's notification about one object.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html. The key is
    URL-encoded with plus signs for spaces and slashes as they are.

    Args:
        name: The event's name without the leading `s3:`.
        version: The version that was written, or the delete marker.
    """
    described: dict[str, Any] = {"key": quote_plus(version.key, safe="/")}
    if name.startswith("ObjectCreated"):
        described["size"] = version.size
    if name != "ObjectRemoved:Delete":
        described["eTag"] = version.etag
    described |= {"versionId": version.version_id, "sequencer": f"{version.sequence:018X}"}
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": REGION,
        "eventTime": iso(time.time()),
        "eventName": name,
        "userIdentity": {"principalId": "AWS:AIDAJDPLRKLG7UEXAMPLE"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": secrets.token_hex(8).upper(),
            "x-amz-id-2": secrets.token_urlsafe(57),
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": NOTIFICATION_ID,
            "bucket": {
                "name": version.bucket,
                "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                "arn": f"arn:aws:s3:::{version.bucket}",
            },
            "object": described,
        },
    }
    return {"Records": [record]}


def sqs_event(definition: QueueDefinition, messages: Sequence[Message]) -> dict[str, Any]:
    """A batch of messages as Lambda's event source mapping hands them over."""
    return {
        "Records": [
            {
                "messageId": message.message_id,
                "receiptHandle": message.receipt,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": str(message.received),
                    "SentTimestamp": str(int(message.sent * 1000)),
                    "SenderId": "AIDAJDPLRKLG7UEXAMPLE",
                    "ApproximateFirstReceiveTimestamp": str(int(message.first_received * 1000)),
                },
                "messageAttributes": {
                    name: _message_attribute(value) for name, value in message.attributes.items()
                },
                "md5OfBody": message.md5,
                "eventSource": "aws:sqs",
                "eventSourceARN": definition.arn,
                "awsRegion": REGION,
            }
            for message in messages
        ]
    }


def _message_attribute(value: dict[str, Any]) -> dict[str, Any]:
    """SQS's attribute (`StringValue`) as Lambda spells it (`stringValue`)."""
    lowered = {name[:1].lower() + name[1:]: content for name, content in value.items()}
    return {"stringListValues": [], "binaryListValues": [], **lowered}


def scheduled_event(function: str, moment: float) -> dict[str, Any]:
    """EventBridge's event for a scheduled rule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT_ID,
        "time": iso(moment).split(".", maxsplit=1)[0] + "Z",
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/footnote-{function}"],
        "detail": {},
    }
