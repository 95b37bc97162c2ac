# scoreUsers reads fans' events and stores scores, publishScores tells of the changed ones. All of it stands in the failover
# region too, at work on a stream of its own that is empty until producers write there.

locals {
  region = var.region
  stack  = "scoring"
  tags = {
    project     = "prd2011"
    env         = var.env
    stack       = local.stack
    cost_center = var.cost_center
    managed_by  = "terraform"
  }
}

provider "aws" {
  alias               = "failover"
  region              = var.failover_region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}

module "primary" {
  source = "./region"

  region             = var.region
  env                = var.env
  packages           = var.packages
  artifacts_bucket   = var.artifacts_bucket
  otlp_endpoint      = var.otlp_endpoint
  pagerduty_endpoint = var.pagerduty_endpoint
  slack              = var.slack
  emails             = var.emails
}

module "standby" {
  source = "../../modules/settings"

  env    = var.env
  region = var.failover_region
  stack  = local.stack
}

module "failover" {
  source    = "./region"
  count     = length(module.standby.workers) > 0 ? 1 : 0
  providers = { aws = aws.failover }

  region             = var.failover_region
  env                = var.env
  packages           = var.packages
  artifacts_bucket   = var.artifacts_bucket
  otlp_endpoint      = var.otlp_endpoint
  pagerduty_endpoint = var.pagerduty_endpoint
  slack              = var.slack
  emails             = var.emails
}
