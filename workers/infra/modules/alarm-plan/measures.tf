# What is measured for which row of limits. A level of the row times `times` per `per` is in the
# metric's unit; `missing_data` says what silence means:
#   notBreaching  a counter of failures, or a gauge of running work: nothing ran, nothing failed
#   missing       an age or a depth that is always published while somebody reads: the alarm says INSUFFICIENT_DATA
#   ignore        dead letters: a queue that nobody touches falls silent, and its alarm must not go away with it
#   breaching     a stream's age on the stream's side: silence means that nobody reads it

locals {
  function   = { FunctionName = local.worker.function }
  is_stream  = contains(["kinesis", "dynamodb-stream"], local.trigger.type)
  is_kinesis = local.trigger.type == "kinesis"
  is_queue   = local.trigger.type == "sqs"
  is_api     = local.trigger.type == "rest-api"
  reserved   = local.worker.reserved_concurrency

  # Period of a percentile: a minute of a quiet function is too few executions for one (as in opskit health).
  slow_s = 300

  lambda = {
    errors          = { row = "lambda_errors", metric = "Errors", stat = "Sum" }
    throttles       = { row = "lambda_throttles", metric = "Throttles", stat = "Sum" }
    duration        = { row = "duration_p95", metric = "Duration", stat = "p95", times = 1000 * local.worker.timeout_s, per = 100, period_s = local.slow_s }
    delivery-failed = { row = "dead_letters", metric = "DestinationDeliveryFailures", stat = "Sum" }
    concurrency = {
      row = "concurrency", metric = "ConcurrentExecutions", stat = "Maximum", times = local.reserved, per = 100
      has = try(local.reserved > 0, false)
    }
    iterator-age = {
      row = "iterator_age", metric = "IteratorAge", stat = "Maximum", times = 1000, missing_data = "missing"
      has = local.is_stream
    }
  }

  queue = {
    depth = { row = "queue_depth", metric = "ApproximateNumberOfMessagesVisible" }
    age   = { row = "queue_age", metric = "ApproximateAgeOfOldestMessage", times = try(local.trigger.retention_s, 0), per = 100 }
  }

  api = {
    "5xx" = { row = "api_5xx", metric = "5XXError" }
    "4xx" = { row = "api_4xx", metric = "4XXError" }
  }

  tables = distinct(compact(concat(
    [try(local.trigger.table, "")],
    local.worker.tables,
    [for one in local.worker.downstream : one.name if one.type == "table"],
  )))

  measures = merge(
    {
      for key, one in local.lambda : key => {
        label        = key
        row          = one.row
        subject      = local.worker.function
        what         = "${one.metric} of ${local.worker.function}"
        times        = try(one.times, 1)
        per          = try(one.per, 1)
        period_s     = try(one.period_s, 60)
        minutes      = null
        missing_data = try(one.missing_data, "notBreaching")
        expression   = null
        metrics      = { value = { namespace = "AWS/Lambda", name = one.metric, stat = one.stat, dimensions = local.function } }
      } if try(one.has, true)
    },
    {
      for key, one in local.queue : key => {
        label        = key
        row          = one.row
        subject      = local.trigger.queue
        what         = "${one.metric} of ${local.trigger.queue}"
        times        = try(one.times, 1)
        per          = try(one.per, 1)
        period_s     = 60
        minutes      = null
        missing_data = "missing"
        expression   = null
        metrics = {
          value = { namespace = "AWS/SQS", name = one.metric, stat = "Maximum", dimensions = { QueueName = local.trigger.queue } }
        }
      } if local.is_queue
    },
    {
      for key, one in local.api : key => {
        label        = key
        row          = one.row
        subject      = local.trigger.api
        what         = "${one.metric} of ${local.trigger.api} as a share of its requests"
        times        = 1
        per          = 1
        period_s     = 60
        minutes      = null
        missing_data = "notBreaching"
        expression   = "100 * failed / requests"
        metrics = {
          failed   = { namespace = "AWS/ApiGateway", name = one.metric, stat = "Sum", dimensions = local.stage }
          requests = { namespace = "AWS/ApiGateway", name = "Count", stat = "SampleCount", dimensions = local.stage }
        }
      } if local.is_api
    },
    {
      for queue in var.dead_letter_queues : "${queue} dead" => {
        label        = "dead-letters"
        row          = "dead_letters"
        subject      = queue
        what         = "Messages in ${queue}"
        times        = 1
        per          = 1
        period_s     = 60
        minutes      = null
        missing_data = "ignore"
        expression   = null
        metrics = {
          value = {
            namespace = "AWS/SQS", name = "ApproximateNumberOfMessagesVisible", stat = "Maximum", dimensions = { QueueName = queue }
          }
        }
      }
    },
    {
      for pair in setproduct(local.tables, ["Read", "Write"]) : "${pair[0]} ${pair[1]}" => {
        label        = "${lower(pair[1])}-throttles"
        row          = "dynamodb_throttles"
        subject      = pair[0]
        what         = "${pair[1]}ThrottleEvents of ${pair[0]}"
        times        = 1
        per          = 1
        period_s     = 60
        minutes      = null
        missing_data = "notBreaching"
        expression   = null
        metrics = {
          value = { namespace = "AWS/DynamoDB", name = "${pair[1]}ThrottleEvents", stat = "Sum", dimensions = { TableName = pair[0] } }
        }
      }
    },
    {
      for key in ["read-age"] : key => {
        label        = key
        row          = "iterator_age"
        subject      = local.trigger.stream
        what         = "Age of what is read from ${try(local.trigger.stream, "")}, or nobody reads it"
        times        = 1000
        per          = 1
        period_s     = 60
        minutes      = 5 # a minute without a datapoint may only be late
        missing_data = "breaching"
        expression   = null
        metrics = {
          value = {
            namespace = "AWS/Kinesis", name = "GetRecords.IteratorAgeMilliseconds", stat = "Maximum", dimensions = { StreamName = local.trigger.stream }
          }
        }
      } if local.is_kinesis
    },
  )

  stage = { ApiName = try(local.trigger.api, ""), Stage = try(local.trigger.stage, "") }
}
