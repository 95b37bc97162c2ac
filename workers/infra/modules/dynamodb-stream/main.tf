# A worker that reads a table's change stream: the function, the mapping, the queue of batches given up. The table is its
# stack's.

locals {
  trigger = var.worker.trigger
}

module "dead_letters" {
  source = "../dead-letter-queue"

  name = local.trigger.on_failure
}

module "function" {
  source = "../function"

  worker             = var.worker
  package            = var.package
  otlp_endpoint      = var.otlp_endpoint
  failure_queue_arns = [module.dead_letters.arn]
  source_statements = [{
    actions = [
      "dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams",
    ]
    resources = [var.stream_arn]
  }]
}

module "mapping" {
  source = "../mapping"

  worker         = var.worker
  source_arn     = var.stream_arn
  function_arn   = module.function.invoked_arn
  on_failure_arn = module.dead_letters.arn
}

moved {
  from = aws_lambda_event_source_mapping.this
  to   = module.mapping.aws_lambda_event_source_mapping.this
}
