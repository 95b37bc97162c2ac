# A worker that reads a table's change stream: the function, the mapping, the queue of batches given up. The table is its
# stack's.

locals {
  trigger = var.worker.trigger
}

module "dead_letters" {
  source = "../dead-letter-queue"

  name = local.trigger.on_failure
}

module "function" {
  source = "../function"

  worker             = var.worker
  package            = var.package
  otlp_endpoint      = var.otlp_endpoint
  failure_queue_arns = [module.dead_letters.arn]
  source_statements = [{
    actions = [
      "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
    ]
    resources = [var.stream_arn]
  }]
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.stream_arn
  function_name                      = module.function.invoked_arn
  starting_position                  = local.trigger.starting_position
  batch_size                         = local.trigger.batch_size
  maximum_batching_window_in_seconds = local.trigger.batch_window_s
  parallelization_factor             = local.trigger.parallelization
  maximum_retry_attempts             = local.trigger.max_retries
  maximum_record_age_in_seconds      = local.trigger.max_record_age_s
  bisect_batch_on_function_error     = local.trigger.bisect
  tumbling_window_in_seconds         = local.trigger.tumbling_window_s > 0 ? local.trigger.tumbling_window_s : null
  function_response_types            = local.trigger.report_batch_item_failures ? ["ReportBatchItemFailures"] : []

  destination_config {
    on_failure {
      destination_arn = module.dead_letters.arn
    }
  }

  dynamic "filter_criteria" {
    for_each = length(local.trigger.filters) > 0 ? [local.trigger.filters] : []
    content {
      dynamic "filter" {
        for_each = filter_criteria.value
        content {
          pattern = filter.value
        }
      }
    }
  }

  dynamic "metrics_config" {
    for_each = local.trigger.event_counts ? ["EventCount"] : []
    content {
      metrics = [metrics_config.value]
    }
  }

  lifecycle {
    # A mapping that was disabled in an incident stays so: nobody wants it back before its cause is known.
    ignore_changes = [enabled]
  }
}
