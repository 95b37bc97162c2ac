# The table of limits (opskit/thresholds.yaml), and what a manifest changes in it.

locals {
  table = yamldecode(file(coalesce(var.thresholds_file, "${path.module}/../../../../opskit/thresholds.yaml")))
  once  = { minutes = 1, of = 1, total = false }
  limits = {
    for name, row in local.table : name => {
      warn          = row.warn
      crit          = row.crit
      unit          = row.unit
      severity      = row.severity
      crit_at_least = try(row.crit_at_least, false)
      crit_margin   = try(row.crit_margin, null)
      warn_when     = local.when["${name}.warn_when"]
      crit_when     = local.when["${name}.crit_when"]
    }
  }

  # {minutes: 3, of: 5}, or {total_over: 5}: five minutes that count as one value
  when = merge([
    for name, row in local.table : {
      for level in ["warn_when", "crit_when"] : "${name}.${level}" => {
        minutes = try(row[level].minutes, local.once.minutes)
        of      = try(row[level].total_over, row[level].of, local.once.of)
        total   = can(row[level].total_over)
      }
    }
  ]...)

  # A critical level of one's own is the level, whatever the function's timeout.
  own_limits = {
    for folder, manifest in local.named : folder => {
      for name in keys(local.table) : name => merge(
        try(manifest.thresholds[name], {}),
        { for key in ["crit_margin"] : key => null if can(manifest.thresholds[name].crit) },
      )
    }
  }
}
