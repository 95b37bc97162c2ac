output "dead_letter_queues" {
  description = "The names of the queues of what could not be processed."
  value       = [var.worker.dead_letter_queue, module.function.failed_queue]
}
