# validateToken behind its API, with the table of tokens.

locals {
  region = "us-east-1"
  stack  = "identity-verification"
  tags = {
    project     = "prd2011"
    env         = var.env
    stack       = local.stack
    cost_center = var.cost_center
    managed_by  = "terraform"
  }
  validator = module.settings.workers["validateToken"]
  tokens    = one(local.validator.tables)
}

module "settings" {
  source = "../../modules/settings"

  env    = var.env
  region = local.region
  stack  = local.stack
}

module "tokens" {
  source = "../../modules/table"

  name          = local.tokens
  hash_key      = lookup(local.validator.table_keys, local.tokens, "id")
  ttl_attribute = "expiresAt"
}

module "validate_token" {
  source = "../../modules/rest-api"

  worker        = local.validator
  package       = merge(var.packages["validateToken"], { bucket = "${var.artifacts_bucket}-${local.region}" })
  otlp_endpoint = var.otlp_endpoint
  rate_limit    = var.rate_limit
  burst_limit   = var.burst_limit
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

  worker             = local.validator
  dead_letter_queues = module.validate_token.dead_letter_queues
  topics             = module.channels.topics
}

output "url" {
  description = "The API's address."
  value       = module.validate_token.url
}
