# The access log: it alone tells a 502 from a 504, and what the function answered from what the API made of it.

locals {
  access_log = {
    requestId          = "$context.requestId"
    requestTime        = "$context.requestTime"
    method             = "$context.httpMethod"
    path               = "$context.resourcePath"
    status             = "$context.status"
    integrationStatus  = "$context.integration.integrationStatus"
    functionStatus     = "$context.integration.status"
    integrationError   = "$context.integration.error"
    integrationLatency = "$context.integration.latency"
    integrationRequest = "$context.integration.requestId"
    responseLatency    = "$context.responseLatency"
    responseType       = "$context.error.responseType"
    errorMessage       = "$context.error.message"
    traceId            = "$context.xrayTraceId"
  }
}

resource "aws_cloudwatch_log_group" "access" {
  name              = "/aws/apigateway/${local.trigger.api}/access"
  retention_in_days = var.worker.log_retention_days
}

# API Gateway writes its logs as one role for the whole account and region.
resource "aws_iam_role" "logs" {
  name = "${local.trigger.api}-logs"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

data "aws_partition" "this" {}

resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.logs.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  cloudwatch_role_arn = aws_iam_role.logs.arn

  depends_on = [aws_iam_role_policy_attachment.logs]
}
