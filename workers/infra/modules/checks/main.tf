# What AWS would take and production would not: settings that go wrong together. Checked before anything is planned.
# No provider: the tests evaluate it.

locals {
  worker   = var.worker
  trigger  = local.worker.trigger
  reserved = local.worker.reserved_concurrency

  # A setting that is null, or that this kind of trigger does not have, breaks no rule about it: try() passes it.
  rules = {
    "has no dead_letter_queue: bad messages would come back until they expire" = (
      local.trigger.type != "sqs" || local.worker.dead_letter_queue != null
    )
    "visibility_timeout_s is below 6 x timeout_s + batch_window_s: messages would come back while they are handled" = try(
      local.trigger.visibility_timeout_s >= 6 * local.worker.timeout_s + local.trigger.batch_window_s, true
    )
    "max_receive_count is below 5: throttling alone would dead-letter good messages" = try(
      local.trigger.max_receive_count >= 5, true
    )
    "reserved_concurrency is below max_concurrency: a throttled batch counts as a receive" = try(
      local.reserved >= local.trigger.max_concurrency, true
    )
    "reserved_concurrency is below shards x parallelization: the stream would be throttled" = try(
      local.reserved >= local.trigger.shards * local.trigger.parallelization, true
    )
    "has no max_retries: one bad record would block its shard"      = try(local.trigger.max_retries >= 0, true)
    "has no max_record_age_s: one bad record would block its shard" = try(local.trigger.max_record_age_s > 0, true)
    "has no on_failure: batches given up would be lost without a word" = (
      !contains(["kinesis", "dynamodb-stream"], local.trigger.type) || try(local.trigger.on_failure != null, false)
    )
    "timeout_s reaches the API's: it would answer 504 while the function is at work" = try(
      1000 * local.worker.timeout_s < local.trigger.integration_timeout_ms, true
    )
    "has no log_retention_days: its logs would be kept, and paid, for ever" = local.worker.log_retention_days != null
  }
}
