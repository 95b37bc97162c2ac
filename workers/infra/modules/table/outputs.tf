output "stream_arn" {
  description = "The ARN of the change stream."
  value       = aws_dynamodb_table.this.stream_arn
}
