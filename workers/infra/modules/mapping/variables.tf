variable "worker" {
  description = "A worker of the settings module."
  type        = any
}

variable "source_arn" {
  description = "The ARN of the stream or queue that is read."
  type        = string
}

variable "function_arn" {
  description = "The ARN of what is invoked: the alias, or the function."
  type        = string
}

variable "on_failure_arn" {
  description = "The queue that is told of a stream's batches given up; null for a queue, which has its own dead letters."
  type        = string
  default     = null
}
