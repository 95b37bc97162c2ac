"""DynamoDB tables as AWS has them where moto forgets."""

from conftest import EmbeddedAws

KEYS = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


def test_an_owners_cap_is_kept_changed_and_taken_away(embedded_aws: EmbeddedAws) -> None:
    dynamodb = embedded_aws.client("dynamodb")
    dynamodb.create_table(TableName="t", OnDemandThroughput={"MaxWriteRequestUnits": 20}, **KEYS)

    def cap() -> object:
        return dynamodb.describe_table(TableName="t")["Table"].get("OnDemandThroughput")

    assert cap() == {"MaxWriteRequestUnits": 20}
    dynamodb.update_table(TableName="t", OnDemandThroughput={"MaxWriteRequestUnits": 40})
    assert cap() == {"MaxWriteRequestUnits": 40}
    dynamodb.update_table(TableName="t", OnDemandThroughput={"MaxWriteRequestUnits": -1})
    assert cap() is None


def test_a_stream_switched_off_and_on_is_a_new_one(embedded_aws: EmbeddedAws) -> None:
    dynamodb = embedded_aws.client("dynamodb")
    first = dynamodb.create_table(TableName="s", StreamSpecification=STREAM, **KEYS)["TableDescription"]
    dynamodb.update_table(TableName="s", StreamSpecification={"StreamEnabled": False})
    second = dynamodb.update_table(TableName="s", StreamSpecification=STREAM)["TableDescription"]
    assert second["LatestStreamArn"] != first["LatestStreamArn"]
    streams = embedded_aws.client("dynamodbstreams")
    old, new = (
        streams.describe_stream(StreamArn=table["LatestStreamArn"])["StreamDescription"]
        for table in (first, second)
    )
    assert (old["StreamStatus"], new["StreamStatus"]) == ("DISABLED", "ENABLED")
    assert ["EndingSequenceNumber" in s["Shards"][0]["SequenceNumberRange"] for s in (old, new)] == [
        True,
        False,
    ]
