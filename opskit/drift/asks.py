"""The describe calls that look at resources: of each answer only what is compared is kept.

A function's code location and environment variables are never selected.
"""

from opskit.inventory import round0
from opskit.model import Describe

_CONFIGURATION = {
    "arn": "FunctionArn",
    "role": "Role",
    "timeout_s": "Timeout",
    "memory_mb": "MemorySize",
    "log_format": "LoggingConfig.LogFormat",
    "log_group": "LoggingConfig.LogGroup",
    "dead_letter_arn": "DeadLetterConfig.TargetArn",
    "state": "State",
    "state_reason": "StateReason",
    "last_update_status": "LastUpdateStatus",
    "last_update_reason": "LastUpdateStatusReason",
}


def _configuration(within: str = "") -> str:
    return ", ".join(f"{name}: {within}{member}" for name, member in _CONFIGURATION.items())


def function(name: str) -> Describe:
    """Ask for a function: its configuration, reserved concurrency (null: none, 0: off) and tags at once.

    Without the right lambda:ListTags there are no tags in the answer, and `tags_error` says so.
    """
    more = (
        "reserved_concurrency: Concurrency.ReservedConcurrentExecutions, "
        "tags: Tags, tags_error: TagsError.ErrorCode"
    )
    select = f"{{{_configuration('Configuration.')}, {more}}}"
    return Describe("lambda", "GetFunction", (("FunctionName", name),), select)


def version(name: str, alias: str) -> Describe:
    """Ask for the configuration of the version that an alias points at."""
    params = (("FunctionName", name), ("Qualifier", alias))
    return Describe("lambda", "GetFunctionConfiguration", params, f"{{{_configuration()}}}")


def alias(name: str, alias: str) -> Describe:
    """Ask which version an alias points at, and which others get a share of its traffic."""
    params = (("FunctionName", name), ("Name", alias))
    select = "{version: FunctionVersion, others: RoutingConfig.AdditionalVersionWeights}"
    return Describe("lambda", "GetAlias", params, select)


def policy(name: str, alias: str) -> Describe:
    """Ask for a function's or alias's resource policy, as JSON text."""
    qualifier = (("Qualifier", alias),) if alias else ()
    return Describe("lambda", "GetPolicy", (("FunctionName", name), *qualifier), "{policy: Policy}")


def role_policies(role: str) -> tuple[Describe, Describe]:
    """Ask for the names of a role's inline and attached policies."""
    params = (("RoleName", role),)
    return (
        Describe("iam", "ListRolePolicies", params, "PolicyNames"),
        Describe("iam", "ListAttachedRolePolicies", params, "AttachedPolicies[].PolicyName"),
    )


def log_groups(prefix: str) -> Describe:
    """Ask for the log groups whose names begin with `prefix`."""
    select = "logGroups[].{name: logGroupName, log_retention_days: retentionInDays, class: logGroupClass}"
    return Describe("logs", "DescribeLogGroups", (("logGroupNamePrefix", prefix),), select)


def stream(name: str) -> Describe:
    """Ask for a Kinesis stream's settings."""
    select = (
        "StreamDescriptionSummary.{status: StreamStatus, mode: StreamModeDetails.StreamMode, "
        "shards: OpenShardCount, retention_h: RetentionPeriodHours}"
    )
    return Describe("kinesis", "DescribeStreamSummary", (("StreamName", name),), select)


def consumer(arn: str) -> Describe:
    """Ask for a stream's enhanced fan-out consumer."""
    select = "{status: ConsumerDescription.ConsumerStatus}"
    return Describe("kinesis", "DescribeStreamConsumer", (("ConsumerARN", arn),), select)


def table(name: str) -> Describe:
    """Ask for a table's state, its indexes' and its change stream."""
    select = (
        "Table.{status: TableStatus, stream_arn: LatestStreamArn, "
        "streamed: StreamSpecification.StreamEnabled, stream_view: StreamSpecification.StreamViewType, "
        "indexes: GlobalSecondaryIndexes[].{name: IndexName, status: IndexStatus} || `[]`}"
    )
    return Describe("dynamodb", "DescribeTable", (("TableName", name),), select)


def queue_url(name: str) -> Describe:
    """Ask for a queue's URL."""
    return Describe("sqs", "GetQueueUrl", (("QueueName", name),), "QueueUrl")


def queue(url: str) -> Describe:
    """Ask for a queue's attributes, all of which are text."""
    select = (
        "Attributes.{visibility_timeout_s: VisibilityTimeout, retention_s: MessageRetentionPeriod, "
        "redrive: RedrivePolicy, redrive_allow: RedriveAllowPolicy, fifo: FifoQueue}"
    )
    params = (("QueueUrl", url), ("AttributeNames", ("All",)))
    return Describe("sqs", "GetQueueAttributes", params, select)


def rest_apis() -> Describe:
    """Ask for all REST APIs: they are found by their names."""
    return Describe("apigateway", "GetRestApis", (), "items[].{id: id, name: name} || `[]`")


def rest_resources(api: str) -> Describe:
    """Ask for a REST API's paths and what their methods call."""
    return Describe(
        "apigateway",
        "GetResources",
        (("restApiId", api), ("embed", ("methods",))),
        "items[].{path: path, methods: resourceMethods} || `[]`",
    )


def rest_stages(api: str) -> Describe:
    """Ask for a REST API's stages."""
    select = "item[].{name: stageName, deployment: deploymentId} || `[]`"
    return Describe("apigateway", "GetStages", (("restApiId", api),), select)


def http_apis() -> Describe:
    """Ask for all HTTP APIs: they are found by their names."""
    select = "Items[?ProtocolType=='HTTP'].{id: ApiId, name: Name} || `[]`"
    return Describe("apigatewayv2", "GetApis", (), select)


def http_routes(api: str) -> Describe:
    """Ask for an HTTP API's routes."""
    select = "Items[].{key: RouteKey, target: Target} || `[]`"
    return Describe("apigatewayv2", "GetRoutes", (("ApiId", api),), select)


def http_integrations(api: str) -> Describe:
    """Ask what an HTTP API's routes call."""
    select = (
        "Items[].{id: IntegrationId, uri: IntegrationUri, timeout_ms: TimeoutInMillis, "
        "credentials: CredentialsArn} || `[]`"
    )
    return Describe("apigatewayv2", "GetIntegrations", (("ApiId", api),), select)


def http_stages(api: str) -> Describe:
    """Ask for an HTTP API's stages."""
    select = "Items[].{name: StageName, deployment: DeploymentId, automatic: AutoDeploy} || `[]`"
    return Describe("apigatewayv2", "GetStages", (("ApiId", api),), select)


def schedule(name: str) -> Describe:
    """Ask for a schedule, `name` or `group/name`."""
    group, _, own = name.rpartition("/")
    params = (*((("GroupName", group),) if group else ()), ("Name", own))
    select = (
        "{state: State, expression: ScheduleExpression, timezone: ScheduleExpressionTimezone, "
        "target_arn: Target.Arn, dead_letter_arn: Target.DeadLetterConfig.Arn}"
    )
    return Describe("scheduler", "GetSchedule", params, select)


def topic(arn: str) -> Describe:
    """Ask for a topic by its ARN."""
    return Describe("sns", "GetTopicAttributes", (("TopicArn", arn),), "{arn: Attributes.TopicArn}")


def every() -> tuple[Describe, ...]:
    """Return each call that a look may make, about anything."""
    some = "<name>"
    return (
        *(round0.identity(), round0.mappings(some), function(some), version(some, some), alias(some, some)),
        *(policy(some, some), *role_policies(some), log_groups(some), schedule(some), topic(some)),
        *(stream(some), consumer(some), table(some), queue_url(some), queue(some)),
        *(rest_apis(), rest_resources(some), rest_stages(some)),
        *(http_apis(), http_routes(some), http_integrations(some), http_stages(some)),
    )
