"""What is agreed with an operator that serves Acme's wallet: its `settings:` in the gateway's configuration."""

from __future__ import annotations

from pydantic import Field, SecretStr

from gateway.operators import AdapterSettings
from gateway.toolbox import BaseUrl


class AcmeSettings(AdapterSettings):
    """How to reach the operator. A name that is not listed here is an error of the configuration."""

    base_url: BaseUrl = Field(description="Everything before the endpoint's name, with its last slash.")
    key: SecretStr = Field(description="The key that every request carries in the header X-Key.")
