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

  # When an item expires: what is done need not be known for ever (Powertools' name of the attribute).
  expiring = { "prd2011-${var.env}-${local.region}-handled-events" = "expiration" }
}

module "settings" {
  source = "../../modules/settings"

  env    = var.env
  region = local.region
  stack  = local.stack
}

module "tables" {
  source   = "../../modules/table"
  for_each = toset(local.handler.tables)

  name          = each.value
  hash_key      = lookup(local.handler.table_keys, each.value, "id")
  ttl_attribute = lookup(local.expiring, each.value, null)
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
