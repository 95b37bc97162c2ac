# A worker behind a REST API. The API is one document, so that whatever changes in it makes a new deployment.

locals {
  trigger = var.worker.trigger
  calls = {
    type                = "aws_proxy"
    httpMethod          = "POST"
    uri                 = module.function.invoke_arn
    timeoutInMillis     = local.trigger.integration_timeout_ms
    passthroughBehavior = "when_no_match"
  }
  routes = merge(
    { "${local.trigger.method} ${local.trigger.path}" = { method = local.trigger.method, path = local.trigger.path } },
    local.trigger.health_path == null ? {} : {
      "GET ${local.trigger.health_path}" = { method = "GET", path = local.trigger.health_path }
    },
  )
  document = jsonencode({
    openapi = "3.0.1"
    info    = { title = local.trigger.api, version = "1" }
    paths = {
      for path in distinct([for route in local.routes : route.path]) : path => {
        for route in local.routes :
        route.method == "ANY" ? "x-amazon-apigateway-any-method" : lower(route.method) => {
          "x-amazon-apigateway-integration" = local.calls
        } if route.path == path
      }
    }
  })
}

module "function" {
  source = "../function"

  worker        = var.worker
  package       = var.package
  otlp_endpoint = var.otlp_endpoint
}

resource "aws_api_gateway_rest_api" "this" {
  name        = local.trigger.api
  description = var.worker.description
  body        = local.document

  endpoint_configuration {
    types = ["REGIONAL"]
  }
}

# A stage that points at a deployment keeps it from being deleted: the new one comes first.
resource "aws_api_gateway_deployment" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  triggers    = { document = sha1(local.document) }

  lifecycle {
    create_before_destroy = true
  }
}

# The integration names the function itself. A stage variable in its place would hide from opskit, and from everyone, which
# function is called, and the right to call it would be given by hand.
resource "aws_api_gateway_stage" "this" {
  rest_api_id          = aws_api_gateway_rest_api.this.id
  deployment_id        = aws_api_gateway_deployment.this.id
  stage_name           = local.trigger.stage
  xray_tracing_enabled = true
  variables            = { environment = var.worker.env }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.access.arn
    format          = jsonencode(local.access_log)
  }

  depends_on = [aws_api_gateway_account.this]
}

resource "aws_api_gateway_method_settings" "this" {
  rest_api_id = aws_api_gateway_rest_api.this.id
  stage_name  = aws_api_gateway_stage.this.stage_name
  method_path = "*/*"

  settings {
    metrics_enabled        = true
    logging_level          = "ERROR"
    data_trace_enabled     = false
    throttling_rate_limit  = var.rate_limit
    throttling_burst_limit = var.burst_limit
  }
}

resource "aws_lambda_permission" "this" {
  for_each = local.routes

  statement_id  = "api-${lower(each.value.method)}${replace(each.value.path, "/", "-")}"
  action        = "lambda:InvokeFunction"
  function_name = module.function.function_name
  qualifier     = var.worker.alias
  principal     = "apigateway.amazonaws.com"
  source_arn = join("/", [
    aws_api_gateway_rest_api.this.execution_arn,
    local.trigger.stage,
    "${each.value.method == "ANY" ? "*" : each.value.method}${each.value.path}",
  ])
}
