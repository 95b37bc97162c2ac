output "problems" {
  description = "What is wrong with the worker's settings, a sentence each."
  value       = [for text, is_kept in local.rules : "${local.worker.name}: ${text}." if !is_kept]
}
