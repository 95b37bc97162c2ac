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

variable "stream_arn" {
  description = "The ARN of the table's stream: a new one whenever the stream is made anew."
  type        = string
}
