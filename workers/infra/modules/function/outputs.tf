output "alias_arn" {
  description = "The ARN of the alias, which event sources invoke."
  value       = aws_lambda_alias.this.arn
}

output "alias_invoke_arn" {
  description = "The alias as API Gateway calls it."
  value       = aws_lambda_alias.this.invoke_arn
}

output "function_name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "failed_queue" {
  description = "The queue of failed asynchronous invocations."
  value       = "${var.worker.function}-failed"
}
