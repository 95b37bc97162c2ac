# The scoring stack in one region.

module "settings" {
  source = "../../../modules/settings"

  env    = var.env
  region = var.region
  stack  = "scoring"
}

locals {
  scorer    = module.settings.workers["scoreUsers"]
  publisher = module.settings.workers["publishScores"]
  packages = {
    for name, package in var.packages : name => merge(package, { bucket = "${var.artifacts_bucket}-${var.region}" })
  }
  topics = [for one in local.publisher.downstream : one.name if one.type == "topic"]
}

module "scores" {
  source = "../../../modules/table"

  name        = local.publisher.trigger.table
  hash_key    = lookup(local.publisher.table_keys, local.publisher.trigger.table, "id")
  stream_view = local.publisher.trigger.stream_view
}

module "score_users" {
  source = "../../../modules/kinesis"

  worker        = local.scorer
  package       = local.packages["scoreUsers"]
  otlp_endpoint = var.otlp_endpoint
}

module "publish_scores" {
  source = "../../../modules/dynamodb-stream"

  worker        = local.publisher
  package       = local.packages["publishScores"]
  otlp_endpoint = var.otlp_endpoint
  stream_arn    = module.scores.stream_arn
}

resource "aws_sns_topic" "score_changes" {
  for_each = toset(local.topics)

  name              = each.value
  fifo_topic        = endswith(each.value, ".fifo") ? true : null
  kms_master_key_id = "alias/aws/sns"
}

module "channels" {
  source = "../../../modules/channels"

  name               = "prd2011-${var.env}-${var.region}-scoring"
  must_be_heard      = var.env == "prod"
  pagerduty_endpoint = var.pagerduty_endpoint
  slack              = var.slack
  emails             = var.emails
}

module "score_users_alarms" {
  source = "../../../modules/alarms"

  worker             = local.scorer
  dead_letter_queues = module.score_users.dead_letter_queues
  topics             = module.channels.topics
}

module "publish_scores_alarms" {
  source = "../../../modules/alarms"

  worker             = local.publisher
  dead_letter_queues = module.publish_scores.dead_letter_queues
  topics             = module.channels.topics
}
