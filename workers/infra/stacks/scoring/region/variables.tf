variable "env" {
  description = "The environment."
  type        = string
}

variable "packages" {
  description = "The deployment packages by worker, as workers.infra.artifacts writes them."
  type        = map(object({ key = string, sha256 = string }))
}

variable "artifacts_bucket" {
  description = "The bucket of the packages, less its region: Lambda takes code from its own region only."
  type        = string
}

variable "otlp_endpoint" {
  description = "Where traces are sent (OTLP over HTTP); empty for nowhere."
  type        = string
}

variable "pagerduty_endpoint" {
  description = "PagerDuty's address for CloudWatch alarms: a secret, from the pipeline's variables."
  type        = string
  sensitive   = true
}

variable "slack" {
  description = "Slack's workspace and channel for alarms of high and medium severity."
  type        = object({ team_id = string, channel_id = string })
}

variable "emails" {
  description = "Who is mailed of alarms of low severity."
  type        = list(string)
}

variable "region" {
  description = "The region."
  type        = string
}
