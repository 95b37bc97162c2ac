output "workers" {
  description = "The stack's workers that are deployed in the region, by name."
  value       = { for name, worker in local.deployed : name => worker if contains(["", worker.stack], var.stack) }
}
