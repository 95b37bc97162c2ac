# What a manifest leaves out: the defaults of docs/manifest.md. The tests compare them with opskit's own.

locals {
  defaults = {
    description          = ""
    alias                = null
    dead_letter_queue    = null
    tables               = []
    downstream           = []
    memory_mb            = 128
    reserved_concurrency = null
    log_group            = "/aws/lambda/{function}"
    log_format           = "Text"
    log_retention_days   = null
    idempotent           = false
    regions              = ["us-east-1"]
    failover             = null
  }

  mapped = {
    batch_window_s             = 0
    filters                    = []
    report_batch_item_failures = false
    event_counts               = false
  }
  streamed = merge(local.mapped, {
    batch_size        = 100
    parallelization   = 1
    tumbling_window_s = 0
    max_retries       = -1
    max_record_age_s  = -1
    bisect            = false
    on_failure        = null
    starting_position = "TRIM_HORIZON"
  })
  trigger_defaults = {
    kinesis         = merge(local.streamed, { shards = null, retention_h = 24 })
    dynamodb-stream = merge(local.streamed, { stream_view = null })
    sqs = merge(local.mapped, {
      batch_size           = 10
      fifo                 = false
      visibility_timeout_s = 30
      retention_s          = 345600
      max_receive_count    = 5
      max_concurrency      = null
    })
    rest-api = { health_path = null, url = null, integration_timeout_ms = 29000 }
    http-api = { health_path = null, url = null, integration_timeout_ms = 30000, stage = "$default" }
    schedule = { timezone = "UTC" }
  }

  # What a worker may do with something it names, when its manifest does not say which actions it needs.
  default_actions = {
    table   = ["GetItem", "PutItem", "UpdateItem"]
    queue   = ["GetQueueUrl", "SendMessage"] # a worker knows the name alone
    stream  = ["PutRecord", "PutRecords"]
    topic   = ["Publish"]
    worker  = []
    service = []
  }
}
