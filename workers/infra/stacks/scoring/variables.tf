variable "env" {
  description = "The environment."
  type        = string

  validation {
    condition     = contains(["qa", "prod"], var.env)
    error_message = "env is qa or prod: local-dev is the embedded AWS."
  }
}

variable "account_id" {
  description = "The account of this environment."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id is an account's twelve digits."
  }
}

variable "packages" {
  description = "The deployment packages by worker, as workers.infra.artifacts writes them."
  type        = map(object({ key = string, sha256 = string }))
}

variable "artifacts_bucket" {
  description = "The bucket of the packages, less its region: Lambda takes code from its own region only."
  type        = string
}

variable "cost_center" {
  description = "Who pays."
  type        = string
}

variable "otlp_endpoint" {
  description = "Where traces are sent (OTLP over HTTP); empty for nowhere."
  type        = string
  default     = ""
}

variable "pagerduty_endpoint" {
  description = "PagerDuty's address for CloudWatch alarms: a secret, from the pipeline's variables."
  type        = string
  sensitive   = true
  default     = ""
}

variable "slack" {
  description = "Slack's workspace and channel for alarms of high and medium severity."
  type        = object({ team_id = string, channel_id = string })
  default     = null
}

variable "emails" {
  description = "Who is mailed of alarms of low severity."
  type        = list(string)
  default     = []
}

variable "region" {
  description = "The region that works."
  type        = string
  default     = "us-east-1"
}

variable "failover_region" {
  description = "The region that takes over: its workers are those whose manifests name it."
  type        = string
  default     = "us-west-2"
}
