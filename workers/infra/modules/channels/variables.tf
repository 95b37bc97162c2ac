variable "name" {
  description = "The beginning of the topics' names."
  type        = string
}

variable "must_be_heard" {
  description = "Whether a channel that reaches nobody is a mistake: in prod it is."
  type        = bool
}

variable "pagerduty_endpoint" {
  description = "PagerDuty's address for CloudWatch alarms. It holds the integration's key, so it comes from the pipeline and from no file."
  type        = string
  sensitive   = true
}

variable "slack" {
  description = "Slack's workspace and channel, after Amazon Q Developer in chat applications was let into the workspace."
  type        = object({ team_id = string, channel_id = string })
}

variable "emails" {
  description = "Who is mailed."
  type        = list(string)
}
