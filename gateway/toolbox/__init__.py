"""Small tools that keep adapters short: addresses, signatures, amounts, ids, forms, XML, error tables, tokens.

They do no I/O and know no contract. What an adapter is stands in `gateway.operators`.
"""

from gateway.toolbox.http import BaseUrl, basic_auth, http_error

__all__ = ["BaseUrl", "basic_auth", "http_error"]
