# A table: paid by request, kept for 35 days, and not to be lost by a plan that nobody read.

resource "aws_dynamodb_table" "this" {
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = var.hash_key
  stream_enabled              = var.stream_view != null
  stream_view_type            = var.stream_view
  deletion_protection_enabled = true

  attribute {
    name = var.hash_key
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "ttl" {
    for_each = var.ttl_attribute == null ? [] : [var.ttl_attribute]
    content {
      attribute_name = ttl.value
      enabled        = true
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}
