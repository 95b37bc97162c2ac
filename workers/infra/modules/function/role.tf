# The role: only what this worker's manifest names, and only the actions that it needs there.

data "aws_caller_identity" "this" {}

data "aws_partition" "this" {}

locals {
  prefix = {
    for service in ["dynamodb", "kinesis", "sns", "sqs"] :
    service => "arn:${data.aws_partition.this.partition}:${service}:${var.worker.region}:${data.aws_caller_identity.this.account_id}:"
  }
  services = { table = "dynamodb", stream = "kinesis", topic = "sns", queue = "sqs" }
  paths    = { table = "table/", stream = "stream/", topic = "", queue = "" }

  # A worker calls no other worker itself, and a service's rights are not AWS's.
  downstream = [
    for one in var.worker.downstream : {
      actions = [for action in one.actions : "${local.services[one.type]}:${action}"]
      resources = [
        for region in var.worker.resource_regions :
        replace("${local.prefix[local.services[one.type]]}${local.paths[one.type]}${one.name}", var.worker.region, region)
      ]
    } if contains(keys(local.services), one.type)
  ]

  # Lambda tells these queues of batches given up; the function itself puts records there that nobody can read.
  failures = [
    for arn in var.failure_queue_arns : {
      actions   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
      resources = [for region in var.worker.resource_regions : replace(arn, var.worker.region, region)]
    }
  ]

  statements = concat(
    var.source_statements,
    local.downstream,
    local.failures,
    [
      { actions = ["sqs:SendMessage"], resources = [module.failed.arn] },
      { actions = ["logs:CreateLogStream", "logs:PutLogEvents"], resources = ["${aws_cloudwatch_log_group.this.arn}:*"] },
      # X-Ray knows no resources (Service Authorization Reference, "Actions defined by AWS X-Ray").
      { actions = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources = ["*"] },
    ],
  )
}

resource "aws_iam_role" "this" {
  name        = var.worker.function
  description = "What ${var.worker.name} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = "worker"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [for one in local.statements : { Effect = "Allow", Action = one.actions, Resource = one.resources }]
  })
}
