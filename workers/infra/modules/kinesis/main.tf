# A worker that reads a Kinesis stream: the stream, the function, the mapping, the queue of batches given up.

locals {
  trigger = var.worker.trigger
}

resource "aws_kinesis_stream" "this" {
  name             = local.trigger.stream
  shard_count      = local.trigger.shards
  retention_period = local.trigger.retention_h
  encryption_type  = "KMS"
  kms_key_id       = "alias/aws/kinesis"

  stream_mode_details {
    stream_mode = local.trigger.shards == null ? "ON_DEMAND" : "PROVISIONED"
  }

  lifecycle {
    prevent_destroy = true
  }
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
      "kinesis:DescribeStream", "kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator",
      "kinesis:ListShards",
    ]
    resources = [aws_kinesis_stream.this.arn]
  }]
}

module "mapping" {
  source = "../mapping"

  worker         = var.worker
  source_arn     = aws_kinesis_stream.this.arn
  function_arn   = module.function.invoked_arn
  on_failure_arn = module.dead_letters.arn
}

moved {
  from = aws_lambda_event_source_mapping.this
  to   = module.mapping.aws_lambda_event_source_mapping.this
}
