"""Concurrency: the account's limit, reserved and provisioned, recursion, and the quota that says the same."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import EmbeddedAws


@pytest.fixture
def aws(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    embedded_aws.function("f")
    embedded_aws.function("g")
    return embedded_aws


def refusal(call: Any, **params: Any) -> dict[str, Any]:
    with pytest.raises(ClientError) as refused:
        call(**params)
    return refused.value.response


def limits(aws: EmbeddedAws) -> tuple[int, int]:
    limit = aws.client("lambda").get_account_settings()["AccountLimit"]
    return limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]


def test_what_is_reserved_is_missing_from_the_pool(aws: EmbeddedAws) -> None:
    assert limits(aws) == (1000, 1000)
    client = aws.client("lambda")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=150)
    assert limits(aws) == (1000, 850)
    client.delete_function_concurrency(FunctionName="f")
    assert limits(aws) == (1000, 1000)
    assert client.get_account_settings()["AccountUsage"]["FunctionCount"] == 2


def test_unreserved_and_switched_off_are_told_apart(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="f")
    assert "Concurrency" not in client.get_function(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert client.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 0
    assert client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 0}


def test_a_hundred_stay_unreserved(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    client.put_function_concurrency(FunctionName="g", ReservedConcurrentExecutions=500)
    error = refusal(client.put_function_concurrency, FunctionName="f", ReservedConcurrentExecutions=401)[
        "Error"
    ]
    assert error["Code"] == "InvalidParameterValueException"
    assert "below its minimum value of [100]" in error["Message"]
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=400)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=400)
    assert limits(aws) == (1000, 100)


def test_the_admin_route_sets_a_regions_limit_and_the_quota_follows(aws: EmbeddedAws) -> None:
    assert aws.admin("account?region=us-west-2", {"ConcurrentExecutions": 400})[0] == 200
    assert limits(aws) == (1000, 1000)
    west = aws.client("lambda", "us-west-2").get_account_settings()["AccountLimit"]
    assert west["ConcurrentExecutions"] == 400
    assert aws.admin("account?region=us-west-2")[1]["AccountLimit"] == west
    for region, value in (("us-east-1", 1000.0), ("us-west-2", 400.0)):
        quotas = aws.client("service-quotas", region)
        quota = quotas.get_service_quota(ServiceCode="lambda", QuotaCode="L-B99A9384")["Quota"]
        assert (quota["QuotaName"], quota["Value"]) == ("Concurrent executions", value)


def test_other_quotas_are_motos_or_refused(aws: EmbeddedAws) -> None:
    quotas = aws.client("service-quotas")
    assert quotas.get_service_quota(ServiceCode="vpc", QuotaCode="L-F678F1CE")["Quota"]["Value"] == 5.0
    code = refusal(quotas.get_service_quota, ServiceCode="lambda", QuotaCode="L-2ACBD22F")["Error"]["Code"]
    assert code == "NotImplemented"
    code = refusal(quotas.get_service_quota, ServiceCode="vpc", QuotaCode="L-NONE")["Error"]["Code"]
    assert code == "NoSuchResourceException"


def test_provisioned_concurrency_gets_ready(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    version = client.publish_version(FunctionName="f")["Version"]
    named = {"FunctionName": "f", "Qualifier": version}
    absent = refusal(client.get_provisioned_concurrency_config, **named)["Error"]["Code"]
    assert absent == "ProvisionedConcurrencyConfigNotFoundException"
    asked = client.put_provisioned_concurrency_config(**named, ProvisionedConcurrentExecutions=5)
    assert (asked["Status"], asked["AvailableProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 0)
    aws.clock.advance(2)
    ready = client.get_provisioned_concurrency_config(**named)
    assert (ready["Status"], ready["AvailableProvisionedConcurrentExecutions"]) == ("READY", 5)
    listed = client.list_provisioned_concurrency_configs(FunctionName="f")["ProvisionedConcurrencyConfigs"]
    assert [row["FunctionArn"].rsplit(":", 1)[1] for row in listed] == [version]
    client.delete_provisioned_concurrency_config(**named)
    assert refusal(client.get_provisioned_concurrency_config, **named)["Error"]["Code"] == absent


def test_the_admin_route_lets_provisioned_concurrency_fail(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    client.publish_version(FunctionName="f")
    named = {"FunctionName": "f", "Qualifier": "1"}
    client.put_provisioned_concurrency_config(**named, ProvisionedConcurrentExecutions=5)
    told = {"Status": "FAILED", "StatusReason": "FUNCTION_ERROR_INIT_FAILURE"}
    assert aws.admin("functions/f/provisioned-concurrency/1", told)[0] == 200
    assert client.get_provisioned_concurrency_config(**named).items() >= told.items()


def test_provisioned_concurrency_wants_a_version(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    answer = refusal(
        client.put_provisioned_concurrency_config,
        FunctionName="f",
        Qualifier="$LATEST",
        ProvisionedConcurrentExecutions=1,
    )
    assert answer["Error"]["Code"] == "InvalidParameterValueException"


def test_loops_are_stopped_unless_allowed(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    assert client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    client.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    assert client.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"
    assert client.get_function_recursion_config(FunctionName="g")["RecursiveLoop"] == "Terminate"


def test_an_invocation_answers_with_its_payload(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    answer = client.invoke(FunctionName="f", Payload=b'{"a": 1}')
    assert (answer["StatusCode"], answer["Payload"].read()) == (200, b'{"a": 1}')
    assert client.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204


def test_a_function_that_is_off_or_unknown_is_not_invoked(aws: EmbeddedAws) -> None:
    client = aws.client("lambda")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    answer = refusal(client.invoke, FunctionName="f", InvocationType="DryRun")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["Error"]["Code"] == "TooManyRequestsException"
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert refusal(client.invoke, FunctionName="nobody")["Error"]["Code"] == "ResourceNotFoundException"
