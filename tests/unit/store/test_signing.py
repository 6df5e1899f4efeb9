"""Signature Version 4 against the examples that AWS publishes."""

from datetime import UTC, datetime

from idla_store import Keys
from idla_store.signing import EMPTY_DIGEST, Scope, authorization


def test_the_example_of_the_s3_reference() -> None:
    """GET Object of "Examples: Signature Calculations in AWS Signature Version 4", Amazon S3 API reference."""
    keys = Keys(
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # the example's
    )
    scope = Scope(region="us-east-1", service="s3", moment=datetime(2013, 5, 24, tzinfo=UTC))
    headers = {
        "host": "examplebucket.s3.amazonaws.com",
        "range": "bytes=0-9",
        "x-amz-content-sha256": EMPTY_DIGEST,
        "x-amz-date": "20130524T000000Z",
    }
    assert authorization(keys, scope, "/test.txt", headers) == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_get_vanilla_of_the_test_suite() -> None:
    """`get-vanilla` of the Signature Version 4 test suite."""
    keys = Keys(
        access_key_id="AKIDEXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",  # the example's
    )
    scope = Scope(region="us-east-1", service="service", moment=datetime(2015, 8, 30, 12, 36, tzinfo=UTC))
    found = authorization(keys, scope, "/", {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"})
    assert found.endswith(
        "SignedHeaders=host;x-amz-date,Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    )


def test_the_secrets_are_not_shown() -> None:
    keys = Keys(access_key_id="id", secret_access_key="canary", session_token="canary")  # made up
    assert repr(keys) == "Keys(access_key_id='id')"
