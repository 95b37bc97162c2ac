output "topics" {
  description = "The ARN of the topic that is told, by severity."
  value       = { for severity, channel in local.told : severity => aws_sns_topic.this[channel].arn }

  depends_on = [aws_sns_topic_policy.this]
}
