# What differs between environments and is no worker's: workers' own differences stand in their manifests.
env         = "prod"
cost_center = "fan-identity"

rate_limit  = 500
burst_limit = 200
