"""Log lines as people read them: parsed, sifted, interleaved, one request's story. Pure: no AWS, no clock."""
