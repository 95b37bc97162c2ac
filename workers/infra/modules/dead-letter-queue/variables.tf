variable "name" {
  description = "The queue's name."
  type        = string
}

variable "source_queue_arn" {
  description = "The queue whose messages it takes; null for a destination of failed invocations, which is no queue's."
  type        = string
  default     = null
}
