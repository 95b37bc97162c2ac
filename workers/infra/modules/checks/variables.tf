variable "worker" {
  description = "A worker of the settings module."
  type        = any
}
