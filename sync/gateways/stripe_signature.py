"""Webhook signatures, checked by the SDK on the raw body without building any object (Stripe, Webhooks: verify
signatures).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from stripe import SignatureVerificationError, WebhookSignature

#: Machine seconds after which a signature is too old; Stripe's own default.
TOLERANCE_S = 300


def verifier(secrets: Sequence[str]) -> Callable[[bytes, str], bool]:
    """A function that says whether a body carries a fresh signature made with any of ``secrets`` (two while one is
    rotated).
    """

    def verify(body: bytes, header: str) -> bool:
        if not header.isascii():  # Stripe's are; the SDK's comparison raises a TypeError for any other
            return False
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return False
        return any(_signed(text, header, secret) for secret in secrets)

    return verify


def _signed(text: str, header: str, secret: str) -> bool:
    try:
        return bool(WebhookSignature.verify_header(text, header, secret, TOLERANCE_S))
    except SignatureVerificationError:
        return False
