"""What ``make bench`` measures: ratios against a reference measured in the same run."""
