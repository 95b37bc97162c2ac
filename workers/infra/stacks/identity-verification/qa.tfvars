# What differs between environments and is no worker's: workers' own differences stand in their manifests.
env         = "qa"
cost_center = "fan-identity"

rate_limit  = 50
burst_limit = 20
