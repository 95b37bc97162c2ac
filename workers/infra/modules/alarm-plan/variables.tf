variable "worker" {
  description = "A worker of the settings module."
  type        = any
}

variable "dead_letter_queues" {
  description = "The names of the queues that hold what the worker could not process."
  type        = list(string)
  default     = []
}
