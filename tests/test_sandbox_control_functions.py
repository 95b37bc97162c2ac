"""Functions: what moto forgets is kept, what AWS refuses is refused, lists are paged."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import REGION, EmbeddedAws

ARN = f"arn:aws:lambda:{REGION}:123456789012:function:"


def refusal(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        call(**params)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_settings_that_moto_drops_are_kept(shared_aws: EmbeddedAws) -> None:
    settings = {
        "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": "/shared/logs"},
        "DeadLetterConfig": {"TargetArn": shared_aws.queue("dead-kept")},
    }
    shared_aws.function("kept", **settings)
    found = shared_aws.client("lambda").get_function_configuration(FunctionName="kept")
    assert found["LoggingConfig"] == {**settings["LoggingConfig"], "ApplicationLogLevel": "INFO"}
    assert found["DeadLetterConfig"] == settings["DeadLetterConfig"]
    whole = shared_aws.client("lambda").get_function(FunctionName="kept")
    assert whole["Configuration"]["LoggingConfig"] == found["LoggingConfig"]


def test_logs_are_text_in_the_functions_own_group_unless_asked(shared_aws: EmbeddedAws) -> None:
    created = shared_aws.function("texts")
    assert created["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/texts"}
    assert (created["State"], created["LastUpdateStatus"]) == ("Active", "Successful")


def test_an_update_changes_the_logging_and_the_revision(shared_aws: EmbeddedAws) -> None:
    before = shared_aws.function("renewed")
    client = shared_aws.client("lambda")
    after = client.update_function_configuration(
        FunctionName="renewed", Timeout=60, LoggingConfig={"LogFormat": "JSON"}
    )
    assert (after["Timeout"], after["LoggingConfig"]["LogFormat"]) == (60, "JSON")
    assert after["RevisionId"] != before["RevisionId"]
    assert client.get_function_configuration(FunctionName="renewed")["RevisionId"] == after["RevisionId"]


def test_an_update_keeps_what_moto_drops(shared_aws: EmbeddedAws) -> None:
    shared_aws.function("updated")
    settings = {
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1024},
        "DeadLetterConfig": {"TargetArn": shared_aws.queue("dead-updated")},
        "SnapStart": {"ApplyOn": "PublishedVersions"},
    }
    client = shared_aws.client("lambda")
    client.update_function_configuration(FunctionName="updated", **settings, Environment={}, VpcConfig={})
    found = client.get_function_configuration(FunctionName="updated")
    settings["SnapStart"]["OptimizationStatus"] = "Off"
    assert found.items() >= settings.items()
    assert "Environment" not in found


@pytest.mark.parametrize("name", ["named", f"{ARN}named", "123456789012:function:named", "function:named"])
def test_a_function_is_found_by_every_name(shared_aws: EmbeddedAws, name: str) -> None:
    client = shared_aws.client("lambda")
    if name == "named":
        shared_aws.function("named")
    assert client.get_function_configuration(FunctionName=name)["FunctionArn"] == f"{ARN}named"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("nobody", "ResourceNotFoundException"),
        ("arn:aws:lambda:eu-west-1:123456789012:function:named", "ResourceNotFoundException"),
        ("no name", "ValidationException"),
    ],
)
def test_a_function_that_is_none_is_refused(shared_aws: EmbeddedAws, name: str, code: str) -> None:
    client = shared_aws.client("lambda")
    for call in (client.get_function_configuration, client.get_function, client.get_function_concurrency):
        assert refusal(call, FunctionName=name)[1] == code


def test_a_name_is_taken_once(shared_aws: EmbeddedAws) -> None:
    shared_aws.function("once")
    assert refusal(shared_aws.function, name="once")[:2] == (409, "ResourceConflictException")


@pytest.mark.parametrize("settings", [{"Timeout": 5401}, {"MemorySize": 32_769}], ids=str)
def test_numbers_out_of_their_range_are_refused(shared_aws: EmbeddedAws, settings: dict[str, int]) -> None:
    name = f"range-{next(iter(settings))}"
    shared_aws.function(name)
    client = shared_aws.client("lambda")
    answer = refusal(client.update_function_configuration, FunctionName=name, **settings)
    assert answer[1] == "ValidationException"
    assert "less than or equal to" in answer[2]


def test_a_stale_revision_is_refused(shared_aws: EmbeddedAws) -> None:
    stale = shared_aws.function("guarded")["RevisionId"]
    client = shared_aws.client("lambda")
    client.update_function_configuration(FunctionName="guarded", Timeout=9, RevisionId=stale)
    for call, params in (
        (client.update_function_configuration, {"Timeout": 10}),
        (client.update_function_code, {"ZipFile": b"PK2"}),
        (client.publish_version, {}),
    ):
        answer = refusal(call, FunctionName="guarded", RevisionId=stale, **params)
        assert answer[:2] == (412, "PreconditionFailedException")
    assert client.get_function_configuration(FunctionName="guarded")["Timeout"] == 9


def test_new_code_is_a_new_package(shared_aws: EmbeddedAws) -> None:
    before = shared_aws.function("coded")
    client = shared_aws.client("lambda")
    dry = client.update_function_code(FunctionName="coded", ZipFile=b"PK-new", DryRun=True)
    assert dry["CodeSha256"] == before["CodeSha256"]
    after = client.update_function_code(FunctionName="coded", ZipFile=b"PK-new", Publish=True)
    assert after["CodeSha256"] != before["CodeSha256"]
    assert after["Version"] == "1"


def test_a_version_keeps_what_its_function_had(shared_aws: EmbeddedAws) -> None:
    shared_aws.function("versioned", LoggingConfig={"LogFormat": "JSON"})
    client = shared_aws.client("lambda")
    client.publish_version(FunctionName="versioned")
    client.update_function_configuration(FunctionName="versioned", LoggingConfig={"LogFormat": "Text"})
    rows = client.list_versions_by_function(FunctionName="versioned")["Versions"]
    assert [(row["Version"], row["LoggingConfig"]["LogFormat"]) for row in rows] == [
        ("$LATEST", "Text"),
        ("1", "JSON"),
    ]


def test_the_admin_route_sets_a_deploy_in_the_past_and_a_failed_update(shared_aws: EmbeddedAws) -> None:
    shared_aws.function("past")
    told = {
        "LastModified": 1_790_000_000,
        "State": "Inactive",
        "StateReason": "idle",
        "StateReasonCode": "Idle",
        "LastUpdateStatus": "Failed",
        "LastUpdateStatusReasonCode": "SubnetOutOfIPAddresses",
    }
    assert shared_aws.admin("functions/past", told)[0] == 200
    found = shared_aws.client("lambda").get_function_configuration(FunctionName="past")
    assert found["LastModified"] == "2026-09-21T14:13:20.000+0000"
    told.pop("LastModified")
    assert found.items() >= told.items()


def test_the_admin_route_leaves_alone_what_a_call_can_set(shared_aws: EmbeddedAws) -> None:
    shared_aws.function("callable")
    status, answer = shared_aws.admin("functions/callable", {"Timeout": 3})
    assert (status, "not settable: Timeout" in answer["message"]) == (400, True)


def test_lists_are_paged_at_fifty(embedded_aws: EmbeddedAws) -> None:
    names = [f"f{number:02}" for number in range(53)]
    for name in names:
        embedded_aws.function(name)
    client = embedded_aws.client("lambda")
    first = client.list_functions(MaxItems=10_000)
    assert (len(first["Functions"]), bool(first["NextMarker"])) == (50, True)
    pages = client.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 20})
    assert [row["FunctionName"] for page in pages for row in page["Functions"]] == names
