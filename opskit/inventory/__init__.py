"""Workers and their resources: from manifests, and discovered in AWS where there is no manifest."""

from opskit.inventory.fleet import Fleet
from opskit.inventory.inventory import Inventory, load
from opskit.inventory.lookup import Lookup
from opskit.inventory.worker import Source, Worker

__all__ = ["Fleet", "Inventory", "Lookup", "Source", "Worker", "load"]
