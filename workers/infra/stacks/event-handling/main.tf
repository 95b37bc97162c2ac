# handleEvent with its queue and the tables of profiles and of events that are done.

locals {
  region = "us-east-1"
  stack  = "event-handling"
  tags = {
    project     = "prd2011"
    env         = var.env
    stack       = local.stack
    cost_center = var.cost_center
    managed_by  = "terraform"
  }
  handler = module.settings.workers["handleEvent"]

  # What is known of each table beside its name.
  tables = {
    fan-profiles   = { hash_key = "userId", ttl_attribute = null }
    handled-events = { hash_key = "id", ttl_attribute = "expiration" }
  }
}

module "settings" {
  source = "../../modules/settings"

  env    = var.env
  region = local.region
  stack  = local.stack
}

module "tables" {
  source   = "../../modules/table"
  for_each = local.tables

  name          = "prd2011-${var.env}-${local.region}-${each.key}"
  hash_key      = each.value.hash_key
  ttl_attribute = each.value.ttl_attribute
}

module "handle_event" {
  source = "../../modules/sqs"

  worker        = local.handler
  package       = merge(var.packages["handleEvent"], { bucket = "${var.artifacts_bucket}-${local.region}" })
  otlp_endpoint = var.otlp_endpoint
}

module "channels" {
  source = "../../modules/channels"

  name               = "prd2011-${var.env}-${local.region}-${local.stack}"
  must_be_heard      = var.env == "prod"
  pagerduty_endpoint = var.pagerduty_endpoint
  slack              = var.slack
  emails             = var.emails
}

module "alarms" {
  source = "../../modules/alarms"

  worker             = local.handler
  dead_letter_queues = module.handle_event.dead_letter_queues
  topics             = module.channels.topics
}
