output "invoked_arn" {
  description = "The ARN of what event sources invoke: the alias, or the function."
  value       = coalesce(one(aws_lambda_alias.this[*].arn), aws_lambda_function.this.arn)
}

output "invoke_arn" {
  description = "The same as API Gateway calls it."
  value       = coalesce(one(aws_lambda_alias.this[*].invoke_arn), aws_lambda_function.this.invoke_arn)
}

output "function_name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "failed_queue" {
  description = "The queue of failed asynchronous invocations."
  value       = "${var.worker.function}-failed"
}
