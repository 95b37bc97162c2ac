variable "env" {
  description = "The environment: qa or prod."
  type        = string
}

variable "region" {
  description = "The region that names are made for."
  type        = string
}

variable "stack" {
  description = "The stack whose workers are wanted; empty for all."
  type        = string
  default     = ""
}

variable "function_pattern" {
  description = "A function's full name, as `function_pattern` in opskit.toml."
  type        = string
  default     = "prd2011-{env}-{region}-{name}"
}

variable "workers_dir" {
  description = "The folder of the workers' folders."
  type        = string
  default     = null
}

variable "thresholds_file" {
  description = "The table of limits."
  type        = string
  default     = null
}
