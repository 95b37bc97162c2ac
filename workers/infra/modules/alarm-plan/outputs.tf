output "alarms" {
  description = "Alarms by name, as the alarms module takes them."
  value       = local.alarms
}
