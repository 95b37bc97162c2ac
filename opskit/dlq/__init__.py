"""Dead-letter queues: which there are, what fills them, how long their letters live, and what is in them."""
