output "dead_letter_queues" {
  description = "The names of the queues of what could not be processed."
  value       = [local.trigger.on_failure, module.function.failed_queue]
}
