"""Access tokens that must not pass (reliability.md, 3.5), and those that must."""

import base64
import hashlib
import hmac
import json
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from footnote.identity import Member, Organization, User
from footnote.identity.access_tokens import AccessTokenIssuer, AccessTokenVerifier
from footnote.identity.keys import parse_signing_keys, parse_verification_keys
from footnote.platform.clock import SystemClock
from footnote.platform.errors import NotAuthenticated
from footnote.platform.settings import IdentitySettings
from tests.support.clock import ManualClock
from tests.support.identity import KID, identity_secrets, key_pair

SETTINGS = IdentitySettings()
SECRETS = identity_secrets()
SIGNING = parse_signing_keys(SECRETS[SETTINGS.signing_secret])
VERIFICATION = parse_verification_keys(SECRETS[SETTINGS.verification_secret])
PUBLIC_PEM = json.loads(SECRETS[SETTINGS.verification_secret])["keys"][0]["public_key_pem"]
SESSION = uuid4()
NOT_UTF8 = b"\xff\xfe"
MEMBER = Member(
    User(uuid4(), "ada@example.com", None, False, SystemClock().now()),
    Organization(uuid4(), "Ada's", "personal", "free", "organizations/x/"),
    "owner",
    1,
)
VERIFIER = AccessTokenVerifier(SETTINGS)


def _issue(clock=None, settings=SETTINGS, member=MEMBER):
    return AccessTokenIssuer(settings, clock or SystemClock()).issue(SIGNING, member, SESSION)


def _claims(**changes):
    claims = jwt.decode(_issue(), options={"verify_signature": False}) | changes
    return {name: value for name, value in claims.items() if value is not None}


def _signed(claims, header=None, key=SIGNING.private_key, algorithm="EdDSA"):
    return jwt.encode(
        claims, key, algorithm=algorithm, headers={"kid": KID, "typ": "at+jwt"} | (header or {})
    )


def _part(content):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _signed_raw(header, payload, private_key=SIGNING.private_key):
    signed = f"{_part(header)}.{_part(payload)}"
    return f"{signed}.{_part(private_key.sign(signed.encode()))}"


def _refused(token):
    with pytest.raises(NotAuthenticated):
        VERIFIER.verify(VERIFICATION, token)


def test_a_genuine_token_says_who_it_is():
    claims = VERIFIER.verify(VERIFICATION, _issue())
    assert claims.user_id == MEMBER.user.user_id
    assert claims.organization_id == MEMBER.organization.organization_id
    assert (claims.session_id, claims.role, claims.plan, claims.token_version) == (
        SESSION,
        "owner",
        "free",
        1,
    )


def test_the_helpers_of_this_test_make_tokens_that_pass():
    VERIFIER.verify(VERIFICATION, _signed(_claims()))
    VERIFIER.verify(VERIFICATION, _signed_raw({"alg": "EdDSA", "typ": "at+jwt", "kid": KID}, _claims()))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "nOnE"])
@pytest.mark.parametrize("signature", ["", "AA"])
def test_alg_none(algorithm, signature):
    header = {"alg": algorithm, "typ": "at+jwt", "kid": KID}
    _refused(f"{_part(header)}.{_part(_claims())}.{signature}")


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
@pytest.mark.parametrize("form", ["pem", "der", "raw"])
def test_public_key_taken_for_an_hmac_secret(algorithm, form):
    public = load_pem_public_key(PUBLIC_PEM.encode())
    secret = {
        "pem": PUBLIC_PEM.encode(),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "raw": public.public_bytes(Encoding.Raw, PublicFormat.Raw),
    }[form]
    for stated in (algorithm, "EdDSA"):
        signed = f"{_part({'alg': stated, 'typ': 'at+jwt', 'kid': KID})}.{_part(_claims())}"
        code = hmac.digest(secret, signed.encode(), getattr(hashlib, f"sha{algorithm[2:]}"))
        _refused(f"{signed}.{_part(code)}")


def test_another_kind_of_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    _refused(_signed(_claims(), key=key, algorithm="RS256"))
    signed = f"{_part({'alg': 'EdDSA', 'typ': 'at+jwt', 'kid': KID})}.{_part(_claims())}"
    _refused(f"{signed}.{_part(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}")


def test_another_key_of_the_same_kind():
    stranger = load_pem_private_key(key_pair()[0].encode(), None)
    _refused(_signed(_claims(), key=stranger))


def test_a_key_that_the_token_brings_along():
    private, _ = key_pair()
    stranger = load_pem_private_key(private.encode(), None)
    jwk = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(stranger.public_key()))
    brought = {"jwk": jwk, "jku": "https://evil.example/keys", "x5u": "https://evil.example/c"}
    for kid in ({"kid": KID}, {"kid": "other"}, {}):
        header = {"alg": "EdDSA", "typ": "at+jwt"} | brought | kid
        _refused(_signed_raw(header, _claims(), stranger))


@pytest.mark.parametrize(
    "kid",
    [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR 1=1 --",
        "",
        KID + "\x00",
        "|id",
        [KID],
        {"a": KID},
        1,
        None,
        True,
    ],
)
def test_kid_only_selects_among_known_keys(kid):
    _refused(_signed_raw({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}, _claims()))


@pytest.mark.parametrize("typ", ["JWT", "", None, "at+JWT2"])
def test_another_type_of_token(typ):
    _refused(_signed_raw({"alg": "EdDSA", "typ": typ, "kid": KID}, _claims()))


def test_critical_header_extensions_are_not_ignored():
    _refused(_signed(_claims(), {"crit": ["exp"], "exp": 0}))
    _refused(_signed(_claims(), {"crit": ["b64"], "b64": False}))


def test_expired():
    clock = ManualClock()
    clock.advance(-SETTINGS.access_token_s - 6)
    with pytest.raises(NotAuthenticated, match="expired"):
        VERIFIER.verify(VERIFICATION, _issue(clock))
    clock.advance(3)
    VERIFIER.verify(VERIFICATION, _issue(clock))


def test_not_yet_valid():
    clock = ManualClock()
    clock.advance(10)
    _refused(_issue(clock))
    clock.advance(-7)
    VERIFIER.verify(VERIFICATION, _issue(clock))


@pytest.mark.parametrize(
    "name", ["iss", "aud", "sub", "sid", "org", "role", "plan", "tv", "iat", "nbf", "exp"]
)
def test_a_missing_claim(name):
    _refused(_signed(_claims(**{name: None})))


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "elsewhere"},
        {"iss": ["footnote"]},
        {"aud": "other-api"},
        {"aud": ["footnote-api", "other-api"]},
        {"exp": "never"},
        {"exp": 1e400},
        {"sub": "root"},
        {"sub": 1},
        {"org": "*"},
        {"sid": ""},
        {"role": "root"},
        {"role": ["owner"]},
        {"tv": "one"},
    ],
    ids=str,
)
def test_a_wrong_claim(change):
    _refused(_signed_raw({"alg": "EdDSA", "typ": "at+jwt", "kid": KID}, _claims(**change)))


def test_names_that_stand_twice():
    header, claims = json.dumps({"alg": "EdDSA", "typ": "at+jwt", "kid": KID}), json.dumps(_claims())
    other = f'{{"org": "{uuid4()}", {claims[1:]}'.encode()
    _refused(_signed_raw(header.encode(), other))
    _refused(_signed_raw(b'{"alg": "none", ' + header[1:].encode(), claims.encode()))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c.d",
        "é.é.é",
        "a.b.c\n",
        "null",
        f"{_part(b'null')}.{_part(b'null')}.",
        f"{_part(b'[]')}.{_part(b'[]')}.AA",
        f"{_part(b'{}')}.{_part(b'{}')}.AA",
        f"{_part(b'[' * 2500)}.{_part(b'{}')}.AA",
        f"{_part(NOT_UTF8)}.{_part(b'{}')}.AA",
        "A" * 4097 + ".b.c",
    ],
    ids=lambda token: token[:12],
)
def test_what_is_no_token(token):
    _refused(token)


def test_a_huge_header():
    _refused(_signed(_claims(), {"padding": "x" * 100_000}))
    _refused(_signed(_claims(padding="x" * 100_000)))


def test_every_changed_byte_is_noticed():
    token = _issue()
    for index, character in enumerate(token):
        changed = token[:index] + ("A" if character != "A" else "B") + token[index + 1 :]
        try:
            claims = VERIFIER.verify(VERIFICATION, changed)
        except NotAuthenticated:
            continue
        # The last characters of a base64 part have spare bits; they never change what is said.
        assert claims == VERIFIER.verify(VERIFICATION, token)
        assert token[index + 1 : index + 2] in {"", "."}


def test_rotation_of_the_signing_key():
    following = identity_secrets("2026-02")
    new = parse_signing_keys(following[SETTINGS.signing_secret])
    both = {**VERIFICATION, **parse_verification_keys(following[SETTINGS.verification_secret])}
    issued_by_new = AccessTokenIssuer(SETTINGS, SystemClock()).issue(new, MEMBER, SESSION)
    for token in (_issue(), issued_by_new):
        VERIFIER.verify(both, token)
    _refused(issued_by_new)
    only_new = {kid: key for kid, key in both.items() if kid != KID}
    with pytest.raises(NotAuthenticated):
        VERIFIER.verify(only_new, _issue())


@pytest.mark.parametrize(
    "secret",
    ["", "{}", "[]", '{"keys": [{"kid": "a", "public_key_pem": "-----BEGIN"}]}', '{"keys": [{"kid": "a"}]}'],
)
def test_a_broken_secret_is_refused_without_showing_it(secret):
    with pytest.raises(ValueError):  # noqa: PT011 - the texts are the libraries'
        parse_verification_keys(secret)


def test_a_verification_key_of_another_kind_is_refused():
    public = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    with pytest.raises(ValueError, match="Ed25519"):
        parse_verification_keys(json.dumps({"keys": [{"kid": "a", "public_key_pem": pem}]}))


def test_a_broken_signing_secret_does_not_leak():
    with pytest.raises(ValueError) as error:  # noqa: PT011
        parse_signing_keys(json.dumps({"kid": "a", "private_key_pem": 7, "session_key_base64": "hidden"}))
    assert "hidden" not in str(error.value)
