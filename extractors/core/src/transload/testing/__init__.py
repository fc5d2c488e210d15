"""What tests of sources and of the lake are made with."""
