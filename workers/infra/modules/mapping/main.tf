# What leads a source's records to a function. Settings that a kind of trigger does not have are left to AWS.

locals {
  trigger = var.worker.trigger
  window  = lookup(local.trigger, "tumbling_window_s", 0)
  most    = lookup(local.trigger, "max_concurrency", null)
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn                   = var.source_arn
  function_name                      = var.function_arn
  starting_position                  = lookup(local.trigger, "starting_position", null)
  batch_size                         = local.trigger.batch_size
  maximum_batching_window_in_seconds = local.trigger.batch_window_s
  parallelization_factor             = lookup(local.trigger, "parallelization", null)
  maximum_retry_attempts             = lookup(local.trigger, "max_retries", null)
  maximum_record_age_in_seconds      = lookup(local.trigger, "max_record_age_s", null)
  bisect_batch_on_function_error     = lookup(local.trigger, "bisect", null)
  tumbling_window_in_seconds         = local.window > 0 ? local.window : null
  function_response_types            = local.trigger.report_batch_item_failures ? ["ReportBatchItemFailures"] : []

  dynamic "destination_config" {
    for_each = var.on_failure_arn == null ? [] : [var.on_failure_arn]
    content {
      on_failure {
        destination_arn = destination_config.value
      }
    }
  }

  dynamic "scaling_config" {
    for_each = local.most == null ? [] : [local.most]
    content {
      maximum_concurrency = scaling_config.value
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
