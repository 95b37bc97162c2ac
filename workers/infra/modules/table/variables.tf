variable "name" {
  description = "The table's name."
  type        = string
}

variable "hash_key" {
  description = "The partition key: a text."
  type        = string
}

variable "stream_view" {
  description = "What the change stream's records hold of an item; null for no stream."
  type        = string
  default     = null
}

variable "ttl_attribute" {
  description = "The attribute that says when an item expires (epoch seconds); null if none does."
  type        = string
  default     = null
}
