"""E-mail addresses as account names."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from footnote.platform.errors import InvalidRequest

_MAX_LENGTH = 254


def normalize_email(text: str) -> str:
    """The one spelling of an address: domain in its international form, everything in lower case.

    Only the syntax is checked; that mail arrives is shown by the verification mail and nothing else. So the
    domain reserved for tests (`.test`) is as good as any other.

    Raises:
        InvalidRequest: Not an e-mail address.
    """
    try:
        parsed = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise InvalidRequest(f"The e-mail address is not valid: {error}") from error
    address = parsed.normalized.lower()
    if len(address) > _MAX_LENGTH:
        raise InvalidRequest(f"The e-mail address is longer than {_MAX_LENGTH} characters.")
    return address
