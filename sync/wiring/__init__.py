"""The composition root: the one place that knows what is real (DESIGN 2)."""

from sync.wiring.choices import new_records, zones
from sync.wiring.fields import check_mapped
from sync.wiring.overview import overview
from sync.wiring.services import Services, build
from sync.wiring.store import Store, backup, open_store, restore, upgrade
from sync.wiring.vendors import build_version, check_credentials, mappings_of, vendors, webhook_verifier
from sync.wiring.web import WebhookAccount, WebStore, check_web, usage_intake, web_store, webhook_accounts

__all__ = [
    "Services",
    "Store",
    "WebStore",
    "WebhookAccount",
    "backup",
    "build",
    "build_version",
    "check_credentials",
    "check_mapped",
    "check_web",
    "mappings_of",
    "new_records",
    "open_store",
    "overview",
    "restore",
    "upgrade",
    "usage_intake",
    "vendors",
    "web_store",
    "webhook_accounts",
    "webhook_verifier",
    "zones",
]
