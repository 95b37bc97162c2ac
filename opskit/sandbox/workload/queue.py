class QueueModel:
    def __init__(self, random): self.minutes={}; self.dirty=set(); self.runs=[]; self.in_use=0.0
    def step(self,*a): pass
def queue_series(*a): return []
function_series=mapping_series=queue_series
