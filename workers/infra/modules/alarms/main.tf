# A worker's alarms. Every one tells somebody, of its end too: an incident that is over is closed where it was opened.

module "plan" {
  source = "../alarm-plan"

  worker             = var.worker
  dead_letter_queues = var.dead_letter_queues
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = module.plan.alarms

  alarm_name          = each.key
  alarm_description   = each.value.description
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  evaluation_periods  = each.value.evaluated
  datapoints_to_alarm = each.value.breaching
  treat_missing_data  = each.value.missing_data
  alarm_actions       = [var.topics[each.value.severity]]
  ok_actions          = [var.topics[each.value.severity]]

  dynamic "metric_query" {
    for_each = each.value.metrics
    content {
      id          = metric_query.key
      return_data = each.value.expression == null

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.name
        dimensions  = metric_query.value.dimensions
        period      = each.value.period_s
        stat        = metric_query.value.stat
      }
    }
  }

  dynamic "metric_query" {
    for_each = each.value.expression == null ? [] : [each.value.expression]
    content {
      id          = "share"
      label       = "percent"
      expression  = metric_query.value
      return_data = true
    }
  }
}
