"""The only botocore imports: one client per service, and what each kind of signal needs to be asked.

Nothing here raises for what AWS or the network did: a fault becomes a failed Reading with one clear line.
"""
