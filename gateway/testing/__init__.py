"""What the author of an adapter tests it with: `conformance` holds the tests, `workbench` what they run on."""
