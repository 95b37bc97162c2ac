"""Whether what the manifests name exists and is as they say: what to ask, and what the answers mean. Pure.

A `Thing` is one resource that a manifest names: it says what to ask about it and compares the answers. Only a
readable "not found" is missing; what could not be read is unknown, with the reason.
"""
