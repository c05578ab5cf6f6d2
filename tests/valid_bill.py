"""Whether a bill of materials is what CycloneDX says one is; run where its library is.

python -m tests.valid_bill FILE
"""

import sys
from pathlib import Path


def main(file: str) -> int:
    """Say so; 1 and the first fault where it is none."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    text = Path(file).read_text(encoding="utf-8")
    fault = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
    print(f"{file}: {'valid CycloneDX 1.5' if fault is None else fault}")
    return 0 if fault is None else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
