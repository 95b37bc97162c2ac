# The alarms of one worker: each row of opskit/thresholds.yaml that its kind of trigger has a metric for, at both levels.
# No provider: the tests evaluate it and compare limits and minutes with opskit's.

locals {
  worker  = var.worker
  trigger = local.worker.trigger
  levels  = ["warn", "crit"]

  # One alarm for each measure and level. A warning wakes nobody: it is medium at most, as in `opskit health`.
  severities = ["low", "medium", "high", "critical"]
  alarms = merge([
    for measure in local.measures : {
      for level in local.levels : "${measure.subject}-${measure.label}-${level}" => {
        row   = measure.row
        level = level
        severity = level == "crit" ? local.limits[measure.row].severity : local.severities[
          min(1, index(local.severities, local.limits[measure.row].severity))
        ]
        description = join(" ", [
          "${measure.what}: ${level == "crit" ? "critical" : "warning"} of ${measure.row} (opskit/thresholds.yaml).",
          "Look: opskit health --fn ${local.worker.name} --env ${local.worker.env} --region ${local.worker.region}.",
          "First: ${local.worker.escalation.L1}.",
        ])
        threshold = local.thresholds["${measure.subject}-${measure.label}"][level]
        comparison = (
          level == "crit" && local.limits[measure.row].crit_at_least
          ? "GreaterThanOrEqualToThreshold" : "GreaterThanThreshold"
        )
        period_s     = local.when[measure.row][level].total ? 60 * local.when[measure.row][level].of : measure.period_s
        evaluated    = coalesce(measure.minutes, local.evaluated[measure.row][level])
        breaching    = coalesce(measure.minutes, local.when[measure.row][level].minutes)
        missing_data = measure.missing_data
        metrics      = measure.metrics
        expression   = measure.expression
      } if local.limits[measure.row][level] != null
    }
  ]...)

  when = { for row, limit in local.limits : row => { warn = limit.warn_when, crit = limit.crit_when } }
  # Minutes that count as one value are one period of their length.
  evaluated = {
    for row, levels in local.when : row => { for level, when in levels : level => when.total ? 1 : when.of }
  }
  limits = local.worker.limits

  # In whole numbers, as the metrics are, but for shares of requests: CloudWatch would not keep all digits of a quotient,
  # and every plan would change the alarm.
  exact = {
    for key, measure in local.measures : "${measure.subject}-${measure.label}" => {
      for level in local.levels : level => (
        local.limits[measure.row][level] == null ? null :
        key == "duration" && level == "crit" && local.has_margin ? local.margin_ms :
        local.limits[measure.row][level] * measure.times / measure.per
      )
    }
  }
  thresholds = {
    for measure in local.measures : "${measure.subject}-${measure.label}" => {
      for level, value in local.exact["${measure.subject}-${measure.label}"] : level => (
        value == null || measure.expression != null ? value :
        level == "crit" && local.limits[measure.row].crit_at_least ? ceil(value) : floor(value)
      )
    }
  }

  # At long timeouts the last seconds before the timeout are critical, not a share of it.
  margin     = local.limits.duration_p95.crit_margin
  has_margin = try(local.worker.timeout_s >= local.margin.from_timeout_s, false)
  margin_ms  = try(1000 * (local.worker.timeout_s - local.margin.below_timeout_s), null)
}
