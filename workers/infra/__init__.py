"""What the pipeline does that Terraform does not: packages in S3, and whether they are what runs."""
