# A worker that reads a queue: the queue, its dead letters, the function and the mapping.

locals {
  trigger = var.worker.trigger
}

resource "aws_sqs_queue" "this" {
  name                       = local.trigger.queue
  fifo_queue                 = local.trigger.fifo ? true : null
  visibility_timeout_seconds = local.trigger.visibility_timeout_s
  message_retention_seconds  = local.trigger.retention_s
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = module.dead_letters.arn
    maxReceiveCount     = local.trigger.max_receive_count
  })

  lifecycle {
    prevent_destroy = true
  }
}

module "dead_letters" {
  source = "../dead-letter-queue"

  name             = var.worker.dead_letter_queue
  source_queue_arn = aws_sqs_queue.this.arn
}

# The source's right comes with its ARN, so the queue's visibility timeout is raised before the function's timeout: the
# other way round Lambda refuses the mapping.
module "function" {
  source = "../function"

  worker        = var.worker
  package       = var.package
  otlp_endpoint = var.otlp_endpoint
  source_statements = [{
    actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = [aws_sqs_queue.this.arn]
  }]
}

module "mapping" {
  source = "../mapping"

  worker       = var.worker
  source_arn   = aws_sqs_queue.this.arn
  function_arn = module.function.invoked_arn
}

moved {
  from = aws_lambda_event_source_mapping.this
  to   = module.mapping.aws_lambda_event_source_mapping.this
}
