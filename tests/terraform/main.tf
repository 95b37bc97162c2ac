# What the tests evaluate: the modules that need no provider, over the workers of each place.

variable "places" {
  type = map(object({ env = string, region = string, workers_dir = optional(string) }))
}

module "settings" {
  source   = "../../workers/infra/modules/settings"
  for_each = var.places

  env         = each.value.env
  region      = each.value.region
  workers_dir = each.value.workers_dir
}

locals {
  workers = merge([
    for place, settings in module.settings : { for name, worker in settings.workers : "${place}/${name}" => worker }
  ]...)
}

module "alarm_plan" {
  source   = "../../workers/infra/modules/alarm-plan"
  for_each = local.workers

  worker             = each.value
  dead_letter_queues = compact([each.value.dead_letter_queue, try(each.value.trigger.on_failure, "")])
}

module "checks" {
  source   = "../../workers/infra/modules/checks"
  for_each = local.workers

  worker = each.value
}

output "problems" {
  value = { for name, checks in module.checks : name => checks.problems }
}

output "workers" {
  value = local.workers
}

output "alarms" {
  value = { for name, plan in module.alarm_plan : name => plan.alarms }
}
