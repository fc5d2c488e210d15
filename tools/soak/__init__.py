"""``make soak``: extraction of changing data through faults and kills, held against what the sandboxes know to be true."""
