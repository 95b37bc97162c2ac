# What the manifests say for one environment and region, with defaults, names and limits filled in, as
# opskit.inventory reads them. No provider: the tests evaluate it and compare it with opskit's own reading.

locals {
  workers_dir = coalesce(var.workers_dir, "${path.module}/../../..")
  files       = { for file in fileset(local.workers_dir, "*/worker.yaml") : dirname(file) => file("${local.workers_dir}/${file}") }
  given       = { for folder, text in local.files : folder => yamldecode(text) }

  # An environment's differences: mappings are merged field by field, everything else is replaced.
  changes = { for folder, manifest in local.given : folder => try(manifest.environments[var.env], {}) }
  merged = {
    for folder, manifest in local.given : folder => merge(manifest, local.changes[folder], {
      trigger    = merge(manifest.trigger, try(local.changes[folder].trigger, {}))
      tags       = merge(try(manifest.tags, {}), try(local.changes[folder].tags, {}))
      table_keys = merge(try(manifest.table_keys, {}), try(local.changes[folder].table_keys, {}))
      thresholds = {
        for row in setunion(keys(try(manifest.thresholds, {})), keys(try(local.changes[folder].thresholds, {}))) :
        row => merge(try(manifest.thresholds[row], {}), try(local.changes[folder].thresholds[row], {}))
      }
      environments = {}
    })
  }

  # Placeholders stand in any text, so they are filled where everything is text.
  named = {
    for folder, manifest in local.merged : folder => jsondecode(
      replace(replace(jsonencode(manifest), "{env}", var.env), "{region}", var.region)
    )
  }

  workers = {
    for folder, manifest in local.named : manifest.name => merge(
      local.defaults,
      # null takes a setting away: its default is left
      { for field, value in manifest : field => value if value != null },
      {
        folder   = folder
        function = local.functions[folder]
        env      = var.env
        region   = var.region
        log_group = replace(
          try(coalesce(manifest.log_group), local.defaults.log_group), "{function}", local.functions[folder]
        )
        trigger = merge(
          local.trigger_defaults[manifest.trigger.type],
          { for field, value in manifest.trigger : field => value if value != null },
        )
        tags = merge(
          { stack = manifest.stack },
          { for key, value in manifest.tags : key => value if value != null },
        )
        downstream = [
          for one in try(manifest.downstream, []) : {
            type    = one.type
            name    = one.name
            actions = try(one.actions, null) == null ? local.default_actions[one.type] : one.actions
          }
        ]
        limits = { for row, limit in local.limits : row => merge(limit, local.own_limits[folder][row]) }
      },
    )
  }

  functions = {
    for folder, manifest in local.named : folder => replace(
      replace(replace(var.function_pattern, "{env}", var.env), "{region}", var.region), "{name}", manifest.name
    )
  }

  # A worker with a failover region may be led from either of its regions to the other one's table and queue, while only
  # its own are down (`resources_region` in its configuration). Their names differ by the region alone.
  deployed = {
    for name, worker in local.workers : name => merge(worker, {
      resource_regions = distinct(worker.failover == null ? [var.region] : concat(worker.regions, [worker.failover]))
    })
    if contains(concat(worker.regions, [worker.failover]), var.region)
  }
}
