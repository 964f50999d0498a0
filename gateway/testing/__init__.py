"""What the author of an adapter tests it with.

`behaviours` says what every adapter does, each behaviour played on `workbench`es. `suite` plays them and makes a
report, for `mm-gateway adapters check`; `conformance` is the same as tests that pytest collects. `payments` are the
tests of a payment format.
"""

import sys

# Where pytest runs, so that a failed assertion in these modules shows its values too.
if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite(
        "gateway.testing.conformance", "gateway.testing.behaviours", "gateway.testing.payments"
    )
