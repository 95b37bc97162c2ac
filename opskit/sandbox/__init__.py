"""The embedded AWS: a server on loopback that boto3 talks to unchanged, and incidents to practise on."""
