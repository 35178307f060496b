"""The repository: its rules, documents, examples, benchmarks and versions."""
