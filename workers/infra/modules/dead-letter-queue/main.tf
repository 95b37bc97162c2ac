# A queue for what could not be processed. It keeps letters as long as SQS can: a standard queue's letters count their age
# from when they were first sent, so it must keep them longer than the queue that they come from.

resource "aws_sqs_queue" "this" {
  name                      = var.name
  fifo_queue                = endswith(var.name, ".fifo") ? true : null
  max_message_size          = 1048576 # SQS's own limit; the provider's default is a quarter of it
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_sqs_queue_redrive_allow_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  redrive_allow_policy = jsonencode(merge(
    { redrivePermission = var.source_queue_arn == null ? "denyAll" : "byQueue" },
    { for key in ["sourceQueueArns"] : key => [var.source_queue_arn] if var.source_queue_arn != null },
  ))
}
