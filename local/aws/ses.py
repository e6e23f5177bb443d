"""SES's API, version 2: mail is written into a folder, one `.eml` file each, and goes to nobody.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from typing import Any

from local.aws.errors import AwsError
from local.aws.http_types import Answer

OUTBOUND = "/v2/email/outbound-emails"
_KEPT = 1_000


class SesService:
    """Takes mail.

    Args:
        folder: Where it is put; created with the first one. Only the latest thousand are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, document: dict[str, Any]) -> Answer:
        """`SendEmail` with simple content.

        Raises:
            AwsError: The request is not one.
        """
        message_id = secrets.token_hex(16)
        try:
            message = _message(document, message_id)
        except (KeyError, TypeError, ValueError, AttributeError, MessageError) as error:
            raise AwsError("BadRequestException", f"The mail cannot be read: {error}", 400) from error
        await asyncio.to_thread(self._write, message_id, message.as_bytes())
        headers = [(b"content-type", b"application/json")]
        return Answer(200, headers, json.dumps({"MessageId": message_id}).encode())

    def _write(self, message_id: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._folder / f"{time.time_ns()}-{message_id}.eml"
        scratch = file.with_suffix(".tmp")
        scratch.write_bytes(content)
        scratch.rename(file)
        for old in sorted(self._folder.glob("*.eml"))[:-_KEPT]:
            old.unlink(missing_ok=True)


def _message(document: dict[str, Any], message_id: str) -> EmailMessage:
    simple = document["Content"]["Simple"]
    message = EmailMessage()
    message["From"] = document["FromEmailAddress"]
    message["To"] = ", ".join(document["Destination"]["ToAddresses"])
    message["Subject"] = simple["Subject"]["Data"]
    message["Date"] = formatdate()
    message["Message-ID"] = f"<{message_id}@footnote.example>"
    for header in simple.get("Headers") or []:
        message[header["Name"]] = header["Value"]
    body = simple["Body"]
    message.set_content(body["Text"]["Data"])
    if "Html" in body:
        message.add_alternative(body["Html"]["Data"], subtype="html")
    return message
