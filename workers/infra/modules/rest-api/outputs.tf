output "dead_letter_queues" {
  description = "The names of the queues of what could not be processed."
  value       = [module.function.failed_queue]
}

output "url" {
  description = "The stage's address."
  value       = aws_api_gateway_stage.this.invoke_url
}
