"""Context: what the rules between keys look at."""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.settings.listing import Listing
from rebalancer.settings.models import Settings


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules look at."""

    settings: Settings
    listing: Listing
    prices: Mapping[str, float]  # coin → USD, for the lots of inverse contracts; may lack some
