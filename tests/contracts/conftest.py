"""The judge's own test is copied unchanged and imports its neighbour by its bare name."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
