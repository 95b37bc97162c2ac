# Who hears of a stack's alarms: critical pages (PagerDuty), high and medium post (Slack), low mails.

data "aws_caller_identity" "this" {}

locals {
  channels = ["pagerduty", "slack", "email"]
  told     = { critical = "pagerduty", high = "slack", medium = "slack", low = "email" }
}

# Not encrypted with aws/sns: CloudWatch may not use that key, and the alarm's action would fail unheard.
resource "aws_sns_topic" "this" {
  for_each = toset(local.channels)

  name = "${var.name}-${each.key}"

  lifecycle {
    precondition {
      condition     = !var.must_be_heard || each.key != "pagerduty" || nonsensitive(var.pagerduty_endpoint != "")
      error_message = "pagerduty_endpoint is empty: critical alarms would wake nobody."
    }
    precondition {
      condition     = !var.must_be_heard || each.key != "slack" || var.slack != null
      error_message = "slack is null: alarms of high and medium severity would reach nobody."
    }
    precondition {
      condition     = !var.must_be_heard || each.key != "email" || length(var.emails) > 0
      error_message = "emails is empty: alarms of low severity would reach nobody."
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  for_each = aws_sns_topic.this

  arn = each.value.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sns:Publish"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Resource  = each.value.arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.this.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "pagerduty" {
  count = nonsensitive(var.pagerduty_endpoint != "") ? 1 : 0

  topic_arn              = aws_sns_topic.this["pagerduty"].arn
  protocol               = "https"
  endpoint               = var.pagerduty_endpoint
  endpoint_auto_confirms = true
}

# Whoever is subscribed must confirm by the link in the first mail; until then `opskit health` says that nobody hears.
resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.emails)

  topic_arn = aws_sns_topic.this["email"].arn
  protocol  = "email"
  endpoint  = each.value
}

resource "aws_iam_role" "slack" {
  count = var.slack == null ? 0 : 1

  name = "${var.name}-slack"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "chatbot.amazonaws.com" }
    }]
  })
}

# The role has no rights: the channel only shows what the topic says.
resource "aws_chatbot_slack_channel_configuration" "this" {
  count = var.slack == null ? 0 : 1

  configuration_name = var.name
  iam_role_arn       = aws_iam_role.slack[0].arn
  slack_team_id      = var.slack.team_id
  slack_channel_id   = var.slack.channel_id
  sns_topic_arns     = [aws_sns_topic.this["slack"].arn]
}
