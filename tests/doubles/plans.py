"""A small deployment plan that tests change, and the accounts it names."""

from pathlib import Path

import yaml
from eth_account import Account

from scripts._lib.network import MNEMONIC

PARAMS = Path(__file__).resolve().parents[2] / "deployments" / "params"

Account.enable_unaudited_hdwallet_features()
ADDRESS = {
    f"test:{number}": Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}").address
    for number in range(8)
}
"""Addresses of the development accounts."""

PRICE, BLOCKS_PER_EPOCH, SERVICE_FEE_BPS = 7, 50, 100

PLAN = {
    "chain_id": 31337,
    "accounts": {"governor": "test:0", "guardian": "test:1", "treasury": "test:2"},
    "parameters": {
        "service_fee_bps": {"value": SERVICE_FEE_BPS, "unit": "ten-thousandths", "reason": "a test sees it"},
        "blocks_per_epoch": {"value": BLOCKS_PER_EPOCH, "unit": "blocks", "reason": "a test waits for none"},
        "price": {"value": PRICE, "unit": "wei per sector", "reason": "small numbers read well"},
    },
    "steps": [
        {"deploy": "FixedPriceMarket", "with": {"governor": "$governor"}},
        {
            "deploy": "ChunkReward",
            "with": {
                "treasury": "$treasury",
                "governor": "$governor",
                "market": "$FixedPriceMarket",
                "mine": "$guardian",
                "pricing_chunk": 4096,
                "term": 3600,
                "kept": 0,
                "service_fee_bps": "$service_fee_bps",
            },
        },
        {
            "deploy": "Flow",
            "with": {
                "governor": "$governor",
                "guardian": "$guardian",
                "market": "$FixedPriceMarket",
                "first_block": 0,
                "blocks_per_epoch": "$blocks_per_epoch",
            },
        },
        {
            "call": "FixedPriceMarket.initialize",
            "with": {"pricePerSector": "$price", "flow": "$Flow", "reward": "$ChunkReward"},
            "done": {"flow": "$Flow"},
        },
    ],
}
"""Contracts of storage, wired."""


def written(folder, plan, name="plan.yaml"):
    """The file of a plan."""
    path = folder / name
    path.write_text(yaml.safe_dump(plan, sort_keys=False))
    return path
