output "arn" {
  description = "The queue's ARN."
  value       = aws_sqs_queue.this.arn
}
