"""The describe calls of round 0 (which function, which mappings, whose account) and their documents."""

from opskit.model import Describe

FUNCTION, MAPPINGS, IDENTITY, FUNCTIONS = "function", "mappings", "identity", "functions"

# `Environment` is never selected: its values are not opskit's to keep.
_FIELDS = {
    "name": "FunctionName",
    "arn": "FunctionArn",
    "role": "Role",
    "timeout_s": "Timeout",
    "memory_mb": "MemorySize",
    "state": "State",
    "state_reason": "StateReason",
    "last_update_status": "LastUpdateStatus",
    "last_modified": "LastModified",
    "runtime": "Runtime",
    "version": "Version",
    "code_sha256": "CodeSha256",
    "log_group": "LoggingConfig.LogGroup",
    "log_format": "LoggingConfig.LogFormat",
    "system_log_level": "LoggingConfig.SystemLogLevel",
    "dead_letter_arn": "DeadLetterConfig.TargetArn",
}


def _select(within: str) -> str:
    return ", ".join(f"{name}: {within}{field}" for name, field in _FIELDS.items())


SELECT_FUNCTION = (
    f"{{{_select('Configuration.')}, reserved_concurrency: Concurrency.ReservedConcurrentExecutions}}"
)
SELECT_FUNCTIONS = f"Functions[].{{{_select('')}}}"
SELECT_MAPPINGS = (
    "EventSourceMappings[].{uuid: UUID, source_arn: EventSourceArn, function_arn: FunctionArn, state: State, "
    "state_reason: StateTransitionReason, last_result: LastProcessingResult, last_modified: LastModified, "
    "batch_size: BatchSize, batch_window_s: MaximumBatchingWindowInSeconds, "
    "parallelization: ParallelizationFactor, max_retries: MaximumRetryAttempts, "
    "max_record_age_s: MaximumRecordAgeInSeconds, "
    "bisect: BisectBatchOnFunctionError, tumbling_window_s: TumblingWindowInSeconds, "
    "starting_position: StartingPosition, on_failure_arn: DestinationConfig.OnFailure.Destination, "
    "filters: FilterCriteria.Filters[].Pattern || `[]`, "
    "report_batch_item_failures: contains(FunctionResponseTypes || `[]`, 'ReportBatchItemFailures'), "
    "max_concurrency: ScalingConfig.MaximumConcurrency, metrics: MetricsConfig.Metrics || `[]`}"
)


def function(name: str) -> Describe:
    """Ask for one function: its configuration and reserved concurrency (null: none, 0: off)."""
    return Describe("lambda", "GetFunction", (("FunctionName", name),), SELECT_FUNCTION)


def mappings(name: str) -> Describe:
    """Ask for a function's event source mappings."""
    return Describe("lambda", "ListEventSourceMappings", (("FunctionName", name),), SELECT_MAPPINGS)


def all_mappings() -> Describe:
    """Ask for every event source mapping of the account in the region."""
    return Describe("lambda", "ListEventSourceMappings", (), SELECT_MAPPINGS)


def identity() -> Describe:
    """Ask whose credentials these are."""
    return Describe("sts", "GetCallerIdentity", (), "{account: Account, arn: Arn}")


def all_functions() -> Describe:
    """Ask for every function of the account in the region."""
    return Describe("lambda", "ListFunctions", (), SELECT_FUNCTIONS)
