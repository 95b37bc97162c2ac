variable "worker" {
  description = "A worker of the settings module."
  type        = any
}

variable "package" {
  description = "The deployment package: where it lies, and the base64 SHA-256 of its bytes."
  type        = object({ bucket = string, key = string, sha256 = string })
}

variable "otlp_endpoint" {
  description = "Where traces are sent (OTLP over HTTP); empty for nowhere."
  type        = string
}

variable "source_statements" {
  description = "What the function may do with its event source."
  type        = list(object({ actions = list(string), resources = list(string) }))
  default     = []
}

variable "failure_queue_arns" {
  description = "Queues that are told of batches given up."
  type        = list(string)
  default     = []
}
