terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "6.25.0"
    }
  }

  # GitLab keeps the state and its lock; the pipeline says where (TF_HTTP_ADDRESS and so on, docs/deployment.md).
  backend "http" {}
}

# A plan for one environment cannot be applied to the account of another.
provider "aws" {
  region              = local.region
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = local.tags
  }
}
