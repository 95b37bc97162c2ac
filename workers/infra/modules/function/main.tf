# A worker's function, its alias and its log group. What invokes it stands in the module of its kind of trigger.

resource "aws_cloudwatch_log_group" "this" {
  name              = var.worker.log_group
  retention_in_days = var.worker.log_retention_days
}

module "checks" {
  source = "../checks"

  worker = var.worker
}

resource "aws_lambda_function" "this" {
  function_name                  = var.worker.function
  description                    = var.worker.description
  role                           = aws_iam_role.this.arn
  runtime                        = "python3.13"
  architectures                  = ["arm64"]
  handler                        = "workers.${var.worker.folder}.handler.handle"
  memory_size                    = var.worker.memory_mb
  timeout                        = var.worker.timeout_s
  reserved_concurrent_executions = var.worker.reserved_concurrency == null ? -1 : var.worker.reserved_concurrency
  publish                        = true
  tags                           = merge(var.worker.tags, { owner = var.worker.owner })

  # The package lies under its commit's name and is never overwritten; the hash is of the zip that was built.
  s3_bucket        = var.package.bucket
  s3_key           = var.package.key
  source_code_hash = var.package.sha256

  environment {
    variables = merge(
      { CONFIG_ENV = var.worker.env },
      { for name in ["OTEL_EXPORTER_OTLP_ENDPOINT"] : name => var.otlp_endpoint if var.otlp_endpoint != "" },
    )
  }

  # REPORT lines are of level INFO when an invocation succeeds: at WARN only failures would be left to measure.
  logging_config {
    log_group             = aws_cloudwatch_log_group.this.name
    log_format            = var.worker.log_format
    application_log_level = var.worker.log_format == "JSON" ? "INFO" : null
    system_log_level      = var.worker.log_format == "JSON" ? "INFO" : null
  }

  tracing_config {
    mode = "Active"
  }

  lifecycle {
    precondition {
      condition     = length(module.checks.problems) == 0
      error_message = join("\n", module.checks.problems)
    }
  }

  # An event source mapping is refused while the role has no right to its source.
  depends_on = [aws_iam_role_policy.this]
}

# The manifest says whether an alias is invoked, with versions that change behind it, or the function itself: opskit looks
# at the one that it names.
resource "aws_lambda_alias" "this" {
  count = var.worker.alias == null ? 0 : 1

  name             = var.worker.alias
  description      = "What ${var.worker.name}'s trigger invokes."
  function_name    = aws_lambda_function.this.function_name
  function_version = aws_lambda_function.this.version
}

# What is invoked asynchronously, by hand or by another service, ends here when it fails to the end.
module "failed" {
  source = "../dead-letter-queue"

  name = "${var.worker.function}-failed"
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  qualifier                    = one(aws_lambda_alias.this[*].name)
  maximum_event_age_in_seconds = 3600
  maximum_retry_attempts       = 2

  destination_config {
    on_failure {
      destination = module.failed.arn
    }
  }
}
