"""The miner: seals the flow's data for one miner id and proves at random that it holds it."""
